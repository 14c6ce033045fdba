// Values go as texts; these functions read, step and shorten them by their kind.
import type { Meta } from "./message.ts";

export const isInteger = (kind: string) => /^[iu](8|16|32|64)$/.test(kind);
export const isFloat = (kind: string) => kind === "f32" || kind === "f64";
export const isNumber = (kind: string) => isInteger(kind) || isFloat(kind);
export const isContainer = (kind: string) => kind === "struct" || kind === "list";

/** The text to send for what was typed; `null` if it cannot be read as this kind. */
export function parseValue(kind: string, typed: string): string | null {
  if (isInteger(kind)) return parseInteger(typed.trim());
  if (isFloat(kind)) return parseFloatText(kind, typed.trim());
  if (kind === "bool") return /^(true|false)$/.test(typed.trim()) ? typed.trim() : null;
  if (kind === "bytes") return parseBytes(typed);
  return typed;
}

function parseInteger(typed: string): string | null {
  const [, sign, digits] = /^([+-]?)(\d+|0x[0-9a-f]+)$/i.exec(typed.replaceAll("_", "")) ?? [];
  if (digits === undefined) return null;
  const value = BigInt(digits);
  return String(sign === "-" ? -value : value);
}

function parseFloatText(kind: string, typed: string): string | null {
  const isNumeral = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(typed);
  return isNumeral || /^[+-]?(nan|inf|infinity)$/i.test(typed) ? formatFloat(toNumber(typed), kind) : null;
}

/** The number that a text stands for. */
function toNumber(text: string): number {
  const [, sign] = /^([+-]?)inf(inity)?$/i.exec(text) ?? [];
  if (sign === undefined) return Number(text);
  return sign === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

function parseBytes(typed: string): string | null {
  const digits = typed.replaceAll(/\s/g, "").toLowerCase();
  return /^([0-9a-f]{2})*$/.test(digits) ? digits : null;
}

/** A float as the viewer writes it: `2.0`, `1e-5`, in as few digits as tell it from others of its kind. */
export function formatFloat(value: number, kind = "f64"): string {
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return String(value);
  const shortest = kind === "f32" ? shortestSingle(value) : value;
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) return shortest.toExponential().replace("+", "");
  const text = Object.is(value, -0) ? "-0" : String(shortest);
  return text.includes(".") ? text : `${text}.0`;
}

/** The number of fewest digits that is this one in 32 bits. */
function shortestSingle(value: number): number {
  const single = Math.fround(value);
  for (let digits = 1; digits < 9; digits++) {
    const shorter = Number(single.toPrecision(digits));
    if (Math.fround(shorter) === single) return shorter;
  }
  return Number(single.toPrecision(9));
}

export function sameValue(kind: string, left: string, right: string): boolean {
  if (left === right) return true;
  const value = parseValue(kind, left);
  return value !== null && value === parseValue(kind, right);
}

/** A number in at most ten characters or so, with a steady number of digits. */
export function shorten(text: string): string {
  if (text.length <= 9) return text;
  const value = toNumber(text);
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return text;
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return value.toExponential(4);
  return value.toFixed(Math.max(0, 6 - Math.max(0, Math.floor(Math.log10(size || 1)))));
}

/** A number for legends and axes. */
export function formatNumber(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e9 ? String(value) : shorten(formatFloat(value));
}

const decimals = (text: string) => {
  const [mantissa = "", exponent = "0"] = text.toLowerCase().split("e");
  return Math.max(0, (mantissa.split(".")[1]?.replace(/0+$/, "").length ?? 0) - Number(exponent));
};

/** By how much an arrow key changes a float: as declared, or a sensible power of ten. */
function stepOf(kind: string, text: string, meta: Meta = {}): number {
  const declared = Number(meta.step ?? meta.multiple_of ?? 0);
  if (declared > 0) return declared;
  if (isInteger(kind)) return 1;
  const range = Number(meta.max ?? Number.NaN) - Number(meta.min ?? Number.NaN);
  const size = Number.isFinite(range) && range > 0 ? range / 10 : Math.abs(Number(text));
  return size > 0 && Number.isFinite(size) ? 10 ** (Math.floor(Math.log10(size)) - 1) : 0.1;
}

/** The value that is `count` steps from this one, within the limits. */
export function stepped(kind: string, text: string, count: number, meta: Meta = {}): string {
  const step = stepOf(kind, text, meta);
  if (isInteger(kind)) {
    const value = BigInt(text) + BigInt(Math.max(1, Math.round(step)) * count);
    if (meta.min != null && count < 0 && value < BigInt(meta.min)) return text;
    if (meta.max != null && count > 0 && value > BigInt(meta.max)) return text;
    return String(value);
  }
  const digits = Math.min(20, Math.max(decimals(text), decimals(String(step))));
  const value = Number((Number(text) + step * count).toFixed(digits));
  if (!Number.isFinite(value)) return text;
  if (meta.min != null && count < 0 && value < Number(meta.min)) return meta.above ? text : meta.min;
  if (meta.max != null && count > 0 && value > Number(meta.max)) return meta.below ? text : meta.max;
  return formatFloat(value, kind);
}

/** The positions of a slider between two limits. */
export class Scale {
  private constructor(
    readonly count: number,
    private readonly kind: string,
    private readonly first: number,
    private readonly step: number,
    private readonly digits: number,
  ) {}

  /** `null` if there are no limits, or if they are too far apart for a slider. */
  static of(kind: string, meta: Meta = {}): Scale | null {
    if (!isNumber(kind) || meta.min == null || meta.max == null) return null;
    const [min, max] = [toNumber(meta.min), toNumber(meta.max)];
    if (!Number.isSafeInteger(Math.ceil(min)) || !Number.isSafeInteger(Math.floor(max)) || min >= max)
      return null;
    const multiple = Number(meta.multiple_of ?? 0) || (isInteger(kind) ? 1 : 0);
    let step = Number(meta.step ?? 0) || multiple || 10 ** Math.floor(Math.log10((max - min) / 200));
    if ((max - min) / step > 1e6) step *= Math.ceil((max - min) / step / 1e6);
    const digits = Math.min(20, Math.max(decimals(String(step)), multiple ? 0 : decimals(meta.min)));
    const first = multiple ? Math.ceil(min / step - 1e-9) * step : min;
    const count = Math.floor((max - first) / step + 1e-9);
    const above = meta.above && first <= min ? 1 : 0;
    const below = meta.below && first + count * step >= max - step * 1e-9 ? 1 : 0;
    return new Scale(count - above - below, kind, first + above * step, step, digits);
  }

  textAt(position: number): string {
    const value = Number((this.first + position * this.step).toFixed(this.digits));
    return isInteger(this.kind) ? String(Math.round(value)) : formatFloat(value, this.kind);
  }

  positionOf(text: string): number {
    const position = Math.round((toNumber(text) - this.first) / this.step);
    return Math.min(this.count, Math.max(0, Number.isNaN(position) ? 0 : position));
  }
}

/** Where a value lies between its limits, from 0 to 1; `null` without limits. */
export function fraction(text: string, meta: Meta = {}): number | null {
  if (meta.min == null || meta.max == null) return null;
  const [min, max, value] = [toNumber(meta.min), toNumber(meta.max), toNumber(text)];
  if (!(max > min) || !Number.isFinite(max - min) || Number.isNaN(value)) return null;
  return Math.min(1, Math.max(0, (value - min) / (max - min)));
}

/** A size in bytes for people. */
export function formatSize(bytes: number): string {
  const power = Math.min(4, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const value = bytes / 1024 ** power;
  return `${power && value < 100 ? value.toFixed(1) : Math.round(value)} ${["B", "KiB", "MiB", "GiB", "TiB"][power]}`;
}
