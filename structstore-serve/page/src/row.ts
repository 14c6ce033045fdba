// A row of the tree.
import { css, html, nothing } from "lit";
import { typeName } from "./details.ts";
import type { Edits } from "./edits.ts";
import "./editor.ts";
import { icons } from "./icons.ts";
import type { Lock, Row } from "./message.ts";
import { renderProblem } from "./problem.ts";
import { fraction, isContainer, isFloat, isNumber, sameValue, shorten } from "./value.ts";

/** A row, and how often its text has changed. */
export type Shown = { row: Row; changes: number };

/** What a row needs from the tree around it. */
export type RowContext = {
  edits: Edits;
  locks: Lock[];
  selected: string | null;
  total: number;
  /** In a search, rows show their whole path. */
  flat: boolean;
  addable: (row: Row) => boolean;
};

export const rowStyles = css`
  .row {
    position: relative;
    display: grid;
    grid-template-columns: minmax(120px, 1fr) minmax(150px, var(--value)) 60px 92px;
    gap: 8px;
    align-items: center;
    height: var(--row);
    padding: 0 12px 0 4px;
    white-space: nowrap;
    cursor: default;
  }
  .row > * {
    min-width: 0;
  }
  .row:hover {
    background: var(--hover);
  }
  .row[aria-selected="true"] {
    background: var(--selected);
  }
  .row.refused {
    z-index: 2;
  }
  .name {
    display: flex;
    align-items: center;
    gap: 4px;
    height: 100%;
  }
  .name .label {
    overflow: hidden;
    text-overflow: ellipsis;
  }
  .name .way {
    color: var(--faint);
  }
  .name svg {
    width: 12px;
    height: 12px;
    color: var(--faint);
  }
  .name .locked svg {
    color: var(--warn);
  }
  .row[aria-expanded] .label {
    font-weight: 600;
  }
  .fold {
    flex: none;
    width: 18px;
    height: 18px;
    padding: 0;
    border: 0;
    background: none;
    color: var(--soft);
  }
  .fold:hover {
    color: var(--text);
  }
  .fold svg {
    width: 14px;
    height: 14px;
    color: inherit;
  }
  .row[aria-expanded="true"] .fold svg {
    transform: rotate(90deg);
  }
  .value {
    display: flex;
    align-items: center;
    justify-content: flex-end;
    gap: 8px;
    border-radius: 4px;
  }
  .value .text {
    flex: none;
    max-width: 100%;
    overflow: hidden;
    text-overflow: ellipsis;
    padding: 0 7px;
    border-radius: 4px;
    line-height: calc(var(--row) - 6px);
  }
  .value .number {
    min-width: var(--number);
    text-align: right;
  }
  .value.long .text {
    flex: 1;
  }
  .value .faint {
    color: var(--faint);
  }
  .value .bar {
    flex: 1;
    height: 3px;
    border-radius: 2px;
    background: var(--line);
    overflow: hidden;
  }
  .value .bar i {
    display: block;
    height: 100%;
    border-radius: 2px;
    background: var(--faint);
  }
  .unit,
  .kind {
    overflow: hidden;
    text-overflow: ellipsis;
    color: var(--faint);
    font-size: 12px;
  }
  .actions {
    position: absolute;
    top: 0;
    right: 6px;
    height: 100%;
    display: none;
    align-items: center;
    padding-left: 6px;
    background: inherit;
  }
  .row:hover .actions,
  .row[aria-selected="true"] .actions {
    display: flex;
  }
  .row:hover:not([aria-selected="true"]) .actions {
    background: var(--hover);
  }
  .changed0 .flash {
    animation: flash0 0.9s ease-out;
  }
  .changed1 .flash {
    animation: flash1 0.9s ease-out;
  }
  @keyframes flash0 {
    from {
      background: var(--flash);
    }
  }
  @keyframes flash1 {
    from {
      background: var(--flash);
    }
  }
  @media (prefers-reduced-motion: reduce) {
    .changed0 .flash,
    .changed1 .flash {
      animation: none;
    }
  }
`;

export const editable = (row: Row) =>
  !!row.writable && !row.meta?.read_only && (isNumber(row.kind) || /^(bool|str|bytes)$/.test(row.kind));

/** Whether there is a default, and something else is there. */
export const resettable = (row: Row) =>
  editable(row) && row.meta?.default != null && !sameValue(row.kind, row.meta.default, row.text);

export function renderRow(shown: Shown, index: number, context: RowContext) {
  const { row, changes } = shown;
  const { edits, selected, total } = context;
  const problem = edits.problems.get(row.path);
  const container = isContainer(row.kind);
  const classes = ["row", changes ? `changed${changes % 2}` : "", problem ? "refused" : ""].join(" ");
  return html`<div
    class=${classes}
    id="row-${index}"
    role="treeitem"
    data-path=${row.path}
    aria-level=${row.level + 1}
    aria-expanded=${container && !context.flat ? !!row.open : nothing}
    aria-selected=${row.path === selected}
    aria-setsize=${total}
    aria-posinset=${index + 1}
  >
    ${renderName(row, context)}
    <span class="value ${isLong(row) ? "long" : ""}">
      ${
        editable(row)
          ? html`<structstore-editor class=${changes ? `changed${changes % 2}` : ""} .row=${row} .edits=${edits}></structstore-editor>`
          : renderValue(row)
      }
    </span>
    <span class="unit">${row.meta?.unit ?? ""}</span>
    <span class="kind" title=${typeName(row)}>${row.kind === "stream" ? "stream" : typeName(row)}</span>
    <span class="actions">
      ${
        resettable(row)
          ? html`<button
              class="icon small"
              data-act="reset"
              tabindex="-1"
              title="Reset to ${row.meta?.default}"
            >
              ${icons.reset}
            </button>`
          : nothing
      }
      ${
        context.addable(row)
          ? html`<button class="icon small" data-act="add" tabindex="-1" title="Show in a panel (p)">${icons.add}</button>`
          : nothing
      }
      <button class="icon small" data-act="menu" tabindex="-1" title="More">${icons.more}</button>
    </span>
    ${problem ? renderProblem(problem, edits) : nothing}
  </div>`;
}

function renderName(row: Row, { flat, locks }: RowContext) {
  const way = flat ? row.path.slice(0, Math.max(0, row.path.length - row.name.length)) : "";
  const lock = locks.find(({ granted, path }) => granted && path === row.path);
  return html`<span
    class="name"
    draggable="true"
    title=${row.meta?.description ?? row.path}
    .style=${`padding-left: ${flat ? 6 : 14 * row.level}px`}
  >
    ${
      isContainer(row.kind) && !flat
        ? html`<button class="fold" data-act="fold" tabindex="-1" aria-label="Open or close">${icons.fold}</button>`
        : flat
          ? nothing
          : html`<span class="fold"></span>`
    }
    <span class="label">${way ? html`<span class="way">${way}</span>` : nothing}${row.name}</span>
    ${row.meta?.read_only ? html`<span title="Declared read-only">${icons.lock}</span>` : nothing}
    ${lock ? html`<span class="locked" title="Locked (${lock.mode}) by process ${lock.pid}">${icons.lock}</span>` : nothing}
  </span>`;
}

const isLong = ({ kind }: Row) => /^(str|bytes|array|stream)$/.test(kind);

function renderValue(row: Row) {
  const { kind, text } = row;
  if (isContainer(kind)) {
    const [one, many] = kind === "struct" ? ["field", "fields"] : ["item", "items"];
    const count = Number(text || row.count);
    return html`<span class="text faint">${count} ${count === 1 ? one : many}</span>`;
  }
  if (!isNumber(kind)) {
    const shown = row.cut && kind !== "array" ? `${text}…` : text;
    return html`<span class="text flash ${kind === "null" ? "faint" : ""}" title=${shown}>${shown}</span>`;
  }
  const part = fraction(text, row.meta);
  return html`${
    part === null ? nothing : html`<span class="bar"><i .style=${`width: ${100 * part}%`}></i></span>`
  }<span class="text number flash" title=${text}>${isFloat(kind) ? shorten(text) : text}</span>`;
}
