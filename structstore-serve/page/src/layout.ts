// The layout: which structs are open and which panels are shown. It is kept per store.
import type { Line } from "./message.ts";
import { isPath } from "./path.ts";
import * as storage from "./storage.ts";

export type PlotLine = Line & { unit?: string; kind?: string };
export type PlotSpec = { kind: "plot"; lines: PlotLine[]; span: number; rate: number };
export type PictureSpec = {
  kind: "picture";
  path: string;
  index: number[];
  low: number | null;
  high: number | null;
  scale: "color" | "grey";
};
export type VectorSpec = { kind: "vector"; path: string; index: number[] };
export type TableSpec = { kind: "table"; path: string; index: number[] };
export type InfoSpec = { kind: "info" };
export type Spec = PlotSpec | PictureSpec | VectorSpec | TableSpec | InfoSpec;

/** A panel in the grid: `width` of six columns, `height` in rows. */
export type Panel = { id: number; width: number; height: number; spec: Spec };
export type Layout = { open: string[]; panels: Panel[] };

export const columns = 6;
export const maxHeight = 12;

/** The name of the string field in which a store keeps its layout. */
export const field = "viewer_layout";

let lastId = 0;

export function place(
  spec: Spec,
  width = spec.kind === "plot" ? columns : columns / 2,
  height = spec.kind === "plot" ? 5 : 4,
): Panel {
  lastId += 1;
  return { id: lastId, width, height, spec };
}

export function formatLayout({ open, panels }: Layout): string {
  const placed = panels.map(({ width, height, spec }) => ({ width, height, ...spec }));
  return JSON.stringify({ version: 1, open, panels: placed });
}

/** Reads a layout; what is not understood is left out. */
export function parseLayout(text: string): Layout {
  const value: unknown = JSON.parse(text);
  if (!isObject(value) || value.version !== 1) throw new Error("this is no layout of version 1");
  return {
    open: paths(value.open),
    panels: list(value.panels).flatMap((panel) => {
      const spec = isObject(panel) ? parseSpec(panel) : null;
      if (!spec || !isObject(panel)) return [];
      return [place(spec, within(panel.width, 1, columns, 3), within(panel.height, 2, maxHeight, 4))];
    }),
  };
}

export const loadLayout = (store: string): Layout => {
  try {
    return parseLayout(storage.get(`layout ${store}`) ?? "");
  } catch {
    return { open: [], panels: [] };
  }
};

export const saveLayout = (store: string, layout: Layout): void =>
  storage.set(`layout ${store}`, formatLayout(layout));

type Fields = Record<string, unknown>;

function parseSpec(panel: Fields): Spec | null {
  const { kind, path } = panel;
  if (kind === "info") return { kind };
  if (kind === "plot") {
    const lines = list(panel.lines).filter(isObject).flatMap(parseLine);
    return { kind, lines, span: within(panel.span, 0.1, 86400, 10), rate: within(panel.rate, 1, 1000, 100) };
  }
  if (!isPath(path)) return null;
  const index = list(panel.index).filter(isIndex);
  if (kind === "vector" || kind === "table") return { kind, path, index };
  if (kind !== "picture") return null;
  const scale = panel.scale === "grey" ? "grey" : "color";
  return { kind, path, index, low: number(panel.low), high: number(panel.high), scale };
}

function parseLine({ path, column, unit, kind }: Fields): PlotLine[] {
  if (!isPath(path)) return [];
  const line: PlotLine = { path };
  if (typeof column === "string") line.column = column;
  if (typeof unit === "string") line.unit = unit;
  if (typeof kind === "string") line.kind = kind;
  return [line];
}

const isObject = (value: unknown): value is Fields => typeof value === "object" && value !== null;
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const paths = (value: unknown) => list(value).filter(isPath);
const isIndex = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const number = (value: unknown) => (typeof value === "number" ? value : null);
const within = (value: unknown, min: number, max: number, otherwise: number) =>
  typeof value === "number" ? Math.min(max, Math.max(min, value)) : otherwise;
