// The details of a row: its limits, its default, and what it means.
import { css, html, nothing } from "lit";
import type { Meta, Row } from "./message.ts";

export const detailsStyles = css`
  .details {
    flex: none;
    height: 66px;
    padding: 6px 12px;
    overflow: auto;
    border-top: 1px solid var(--line);
    background: var(--surface);
    font-size: 12px;
    line-height: 18px;
    overflow-wrap: anywhere;
  }
  .details b {
    font-weight: 600;
  }
  .details span {
    color: var(--soft);
  }
  .details p {
    margin: 0;
  }
`;

export function details(row: Row | undefined) {
  if (!row) return html`<div class="details"><span>Select a field to see its details.</span></div>`;
  const description = row.meta?.description;
  return html`<div class="details" role="region" aria-label="Details">
    <p><b>${row.path}</b></p>
    <p><span>${facts(row).join(" · ")}</span></p>
    ${description ? html`<p>${description}</p>` : nothing}
  </div>`;
}

/** The kind, limits and so on of a row, one clause each. */
function facts(row: Row): string[] {
  const { meta = {} } = row;
  return [
    typeName(row),
    row.kind === "stream" ? `${row.text}; keeps ${row.history ?? 0}` : "",
    limits(meta),
    meta.multiple_of == null ? "" : `a multiple of ${meta.multiple_of}`,
    meta.step == null ? "" : `in steps of ${meta.step}`,
    meta.choices ? `one of ${meta.choices.join(", ")}` : "",
    lengths(meta),
    meta.finite ? "finite" : "",
    meta.unit ? `in ${meta.unit}` : "",
    meta.default == null ? "" : `default ${meta.default}`,
    meta.read_only ? "declared read-only" : "",
  ].filter(Boolean);
}

/** The kind, for arrays and streams with dtype and shape. */
export function typeName({ kind, dtype = "", shape = [] }: Row): string {
  const of = shape.length ? `${dtype}[${shape.join(", ")}]` : dtype;
  if (kind === "array") return of;
  return kind === "stream" ? `stream of ${of}` : kind;
}

function limits({ min, max, above, below }: Meta): string {
  const low = min == null ? "" : `${above ? ">" : "≥"} ${min}`;
  const high = max == null ? "" : `${below ? "<" : "≤"} ${max}`;
  return [low, high].filter(Boolean).join(", ");
}

function lengths({ min_len: min, max_len: max }: Meta): string {
  if (min != null && max != null) return `length ${min} to ${max}`;
  if (min != null) return `length at least ${min}`;
  return max != null ? `length at most ${max}` : "";
}
