// The messages between page and viewer, as PROTOCOL.md describes them.

export type Meta = {
  min?: string | null;
  max?: string | null;
  above?: boolean;
  below?: boolean;
  finite?: boolean;
  multiple_of?: string | number | null;
  step?: string | number | null;
  choices?: (string | number)[] | null;
  unit?: string | null;
  description?: string | null;
  read_only?: boolean;
  default?: string | null;
  min_len?: number | null;
  max_len?: number | null;
};

export type Row = {
  path: string;
  name: string;
  level: number;
  kind: string;
  text: string;
  writable?: boolean;
  declared?: boolean;
  cut?: boolean;
  count?: number;
  open?: boolean;
  dtype?: string;
  shape?: number[];
  history?: number;
  columns?: string[];
  meta?: Meta;
};

export type Line = { path: string; column?: string };

export type View = { open: string[]; from: number; count: number; search: string };

export type PanelRequest = { id: number } & (
  | { type: "plot"; lines: Line[]; from: number | null; span: number; width: number; rate: number }
  | {
      type: "picture";
      path: string;
      width: number;
      height: number;
      low: number | null;
      high: number | null;
      index: number[];
    }
  | { type: "vector"; path: string; width: number; index: number[] }
  | {
      type: "table";
      path: string;
      row: number;
      column: number;
      rows: number;
      columns: number;
      index: number[];
    }
  | { type: "info" }
);

export type Change = { path: string; value: string; was?: string; create?: string };

export type Question =
  | { type: "set"; changes: Change[] }
  | { type: "read"; path: string; as: "yaml" | "json" | "text" }
  | { type: "load"; path: string; text: string };

export type Refused = {
  type: "refused";
  id: number;
  error: string;
  path?: string;
  conflict?: boolean;
  now?: string | null;
};

export type Answer = { type: "done"; id: number } | { type: "text"; id: number; text: string } | Refused;

export type Hello = {
  type: "hello";
  protocol: number;
  version: string;
  store: string;
  rate: number;
  writable: string[];
  pid: number;
  session: string;
  /** Of a recording. */
  timeline: { duration: number; marks: [number, string][] } | null;
};

/** Where a recording is, in seconds since its start. */
export type Moment = { time: number; playing: boolean; speed: number };
export type Control = { play: boolean } | { seek: number } | { speed: number };

export type State = { type: "state"; state: "live" | "gone"; text: string };
export type Rows = { type: "rows"; from: number; total: number; rows: Row[] };
export type Values = { type: "values"; set: [string, string][] };

export type Table = {
  type: "table";
  id: number;
  dtype: string;
  shape: number[];
  row: number;
  column: number;
  cells: string[][];
  writable: boolean;
};

export type Process = { pid: number; program: string; alive?: boolean; threads?: number; observes?: boolean };

export type Lock = {
  path: string;
  mode: string;
  pid: number;
  thread: number | string;
  granted?: boolean | string | number | null;
  awaited?: boolean | string | number | null;
};

export type Info = {
  type: "info";
  id: number;
  size: number;
  max_size: number;
  allocated: number;
  blocks: number;
  nodes: number;
  recoveries: number;
  lifetime: string | null;
  watchers: number;
  processes: Process[];
  locks: Lock[];
};

export type Missing = { type: "missing"; id: number; line?: number | null; error: string };
export type Turn = { type: "turn"; time: number };
/** A message of the page could not be read. */
export type Unread = { type: "error"; error: string };

export type Series = {
  type: "series";
  id: number;
  line: number;
  after: number;
  sampled: boolean;
  times: Float64Array;
  values: Float64Array;
};

export type Picture = {
  type: "picture";
  id: number;
  dtype: string;
  shape: number[];
  pixels: "grey" | "rgb" | "rgba" | "map";
  width: number;
  height: number;
  low: number | null;
  high: number | null;
  time: number | null;
  data: Uint8Array;
};

export type Vector = {
  type: "vector";
  id: number;
  dtype: string;
  shape: number[];
  indices: Float64Array;
  values: Float64Array;
};

export type PanelMessage = Table | Info | Missing | Series | Picture | Vector;
export type Message =
  | ({ type: "timeline" } & Moment)
  | Hello
  | State
  | Rows
  | Values
  | Answer
  | Turn
  | Unread
  | PanelMessage;

export type Store = {
  name: string;
  size: number;
  fields: number;
  orphan: boolean;
  lifetime: string;
  processes: { pid: number; program: string }[];
  error: string | null;
};
