// What a row of the tree can be shown as in a panel.
import type { PlotLine, Spec } from "./layout.ts";
import type { Row } from "./message.ts";
import { isNumber } from "./value.ts";

export type Offer = { label: string; spec: Spec };

/** The most lines that one gesture puts into a plot. */
export const maxLines = 8;

export const plotOf = (lines: PlotLine[]): Spec => ({ kind: "plot", lines, span: 10, rate: 100 });

function lineOf(row: Row, column?: string): PlotLine {
  const line: PlotLine = { path: row.path, kind: row.kind };
  if (column) line.column = column;
  if (row.meta?.unit) line.unit = row.meta.unit;
  return line;
}

export function offers(row: Row): Offer[] {
  if (isNumber(row.kind) || row.kind === "bool") return [{ label: "Plot", spec: plotOf([lineOf(row)]) }];
  if (row.kind === "array") return arrayOffers(row, row.shape ?? []);
  return row.kind === "stream" ? streamOffers(row) : [];
}

function arrayOffers({ path }: Row, shape: number[]): Offer[] {
  const table: Offer = { label: "Table", spec: { kind: "table", path, index: [] } };
  if (shape.length >= 2) return [picture(path), table];
  return shape.length === 1 ? [{ label: "Line", spec: { kind: "vector", path, index: [] } }, table] : [table];
}

function streamOffers(row: Row): Offer[] {
  const shape = row.shape ?? [];
  if (shape.length >= 2) return arrayOffers(row, shape);
  const columns = row.columns ?? [];
  if (columns.length === 0) return [{ label: "Plot", spec: plotOf([lineOf(row)]) }];
  const offers = columns.map((column) => ({ label: `Plot ${column}`, spec: plotOf([lineOf(row, column)]) }));
  if (columns.length > 1 && columns.length <= maxLines)
    offers.push({ label: "Plot all columns", spec: plotOf(columns.map((column) => lineOf(row, column))) });
  return shape.length === 1 ? [...offers, ...arrayOffers(row, shape)] : offers;
}

const picture = (path: string): Offer => ({
  label: "Picture",
  spec: { kind: "picture", path, index: [], low: null, high: null, scale: "color" },
});
