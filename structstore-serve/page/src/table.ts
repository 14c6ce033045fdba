// The elements of an array in cells.
import { css, html, nothing } from "lit";
import { query, state } from "lit/decorators.js";
import { element, emit } from "./element.ts";
import type { TableSpec } from "./layout.ts";
import type { PanelMessage, Table as TableMessage } from "./message.ts";
import { plotOf } from "./offers.ts";
import { elementPath } from "./path.ts";
import { problemStyles, renderProblem } from "./problem.ts";
import { controls } from "./theme.ts";
import { parseValue, shorten } from "./value.ts";
import { type Request, renderIndex, typeOf, View, viewStyles } from "./view.ts";

const cellWidth = 80;
const cellHeight = 24;
const headWidth = 44;
/** Browsers limit the size of an element. */
const maxSize = 10_000_000;

type Cell = { row: number; column: number };

@element("structstore-table")
export class Table extends View<TableSpec> {
  static override styles = [
    controls,
    viewStyles,
    problemStyles,
    css`
      .body {
        margin: 6px 8px 0;
        border: 1px solid var(--line);
        border-radius: 4px;
        overflow: auto;
        overflow-anchor: none;
      }
      .grid {
        position: sticky;
        top: 0;
        left: 0;
        width: max-content;
        background: var(--back);
      }
      .line {
        display: flex;
      }
      .cell,
      .at {
        flex: none;
        width: ${cellWidth}px;
        height: ${cellHeight}px;
        line-height: ${cellHeight - 1}px;
        padding: 0 6px;
        border: solid var(--line);
        border-width: 0 1px 1px 0;
        text-align: right;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .at {
        background: var(--surface);
        color: var(--faint);
        font-size: 11px;
      }
      .at.row-at {
        width: ${headWidth}px;
      }
      .cell.chosen {
        outline: 2px solid var(--accent);
        outline-offset: -2px;
      }
      .body:focus-visible {
        outline-offset: -1px;
      }
      .cell input {
        width: calc(100% + 12px);
        height: ${cellHeight - 1}px;
        margin: 0 -6px;
        padding: 0 5px;
        border-radius: 0;
        text-align: right;
        vertical-align: top;
      }
      .cell input[aria-invalid="true"] {
        border-color: var(--error);
        outline-color: var(--error);
      }
      .foot .problem {
        position: static;
        max-width: none;
        box-shadow: none;
      }
    `,
  ];

  @state() private newest: TableMessage | null = null;
  @state() private first: Cell = { row: 0, column: 0 };
  @state() private chosen: Cell | null = null;
  @state() private typed: string | null = null;
  @query(".body") private body!: HTMLElement;
  #was = "";
  #end = () => {};

  override connectedCallback(): void {
    super.connectedCallback();
    this.#end = this.edits.changed.on(() => this.requestUpdate());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#end();
  }

  protected override request(): Request | null {
    if (!this.size) return null;
    const { index, path } = this.spec;
    const { rows, columns } = this.#fitting;
    return { type: "table", path, ...this.first, rows: rows + 1, columns: columns + 1, index };
  }

  protected override receive(message: PanelMessage): void {
    if (message.type === "table") this.newest = message;
  }

  override updated(changed: Map<string, unknown>): void {
    super.updated(changed);
    if (changed.has("typed") && this.typed !== null) {
      const input = this.renderRoot.querySelector<HTMLInputElement>(".cell input");
      if (changed.get("typed") === null) input?.select();
    }
  }

  override render() {
    const { shape = [], writable } = this.newest ?? {};
    const { width, height } = this.#whole;
    return html`
      <div
        class="body"
        tabindex="0"
        role="grid"
        aria-label=${this.spec.path}
        @scroll=${this.#scrolled}
        @keydown=${this.#press}
      >
        <div .style=${`width: ${width}px; height: ${height}px`}>${this.newest ? this.#renderGrid(this.newest) : nothing}</div>
        ${this.renderMissing()}
      </div>
      <div class="foot">
        <span>${typeOf(this.newest)}${writable === false ? " · read-only" : ""}</span>
        ${renderIndex(this.spec.index, shape.slice(0, -2), (index) => this.change({ index }))}
        ${this.#renderProblems()}
      </div>
    `;
  }

  #renderGrid({ cells, row, column }: TableMessage) {
    return html`<div class="grid">
      <div class="line">
        <span class="at row-at"></span>
        ${(cells[0] ?? []).map((_, at) => html`<span class="at">${column + at}</span>`)}
      </div>
      ${cells.map(
        (line, at) => html`<div class="line" role="row">
          <span class="at row-at" role="rowheader">${row + at}</span>
          ${line.map((text, place) => this.#renderCell(text, { row: row + at, column: column + place }))}
        </div>`,
      )}
    </div>`;
  }

  #renderCell(text: string, cell: Cell) {
    const chosen = this.chosen?.row === cell.row && this.chosen.column === cell.column;
    return html`<span
      class="cell ${chosen ? "chosen" : ""}"
      role="gridcell"
      data-path=${this.#path(cell)}
      title=${text}
      @click=${() => this.#choose(cell)}
      @dblclick=${() => this.#edit(cell)}
    >
      ${
        chosen && this.typed !== null
          ? html`<input
              .value=${this.typed}
              aria-invalid=${parseValue(this.#kind, this.typed) === null}
              @input=${(event: Event) => {
                this.typed = (event.target as HTMLInputElement).value;
              }}
              @keydown=${this.#pressInput}
              @blur=${this.#commit}
            />`
          : /^-?\d*\.\d|e/.test(text)
            ? shorten(text)
            : text
      }
    </span>`;
  }

  #renderProblems() {
    return [...this.edits.problems.values()]
      .filter(({ path }) => path.startsWith(`${this.spec.path}[`))
      .map((problem) => renderProblem(problem, this.edits));
  }

  get #fitting(): { rows: number; columns: number } {
    const { width, height } = this.size ?? { width: 0, height: 0 };
    return {
      rows: Math.max(1, Math.floor((height - cellHeight) / cellHeight)),
      columns: Math.max(1, Math.floor((width - headWidth) / cellWidth)),
    };
  }

  /** Whether the elements of a one-dimensional array stand side by side. */
  get #flat(): boolean {
    const { cells, shape } = this.newest ?? {};
    return shape?.length === 1 && (cells?.length ?? 0) <= 1 && (cells?.[0]?.length ?? 0) > 1;
  }

  /** How many rows and columns the array has. */
  get #extent(): { rows: number; columns: number } {
    const { shape = [] } = this.newest ?? {};
    if (shape.length >= 2) return { rows: shape.at(-2)!, columns: shape.at(-1)! };
    const length = shape[0] ?? 1;
    return this.#flat ? { rows: 1, columns: length } : { rows: length, columns: 1 };
  }

  /** The size of all cells; the scroll bars go by it. */
  get #whole(): { width: number; height: number } {
    const { rows, columns } = this.#extent;
    return {
      width: Math.min(maxSize, headWidth + columns * cellWidth),
      height: Math.min(maxSize, cellHeight + rows * cellHeight),
    };
  }

  get #kind(): string {
    return this.newest?.dtype ?? "";
  }

  #path({ row, column }: Cell): string {
    const dimensions = this.newest?.shape.length ?? 0;
    const last = dimensions >= 2 ? [row, column] : dimensions === 1 ? [this.#flat ? column : row] : [];
    const leading = Array.from({ length: Math.max(0, dimensions - 2) }, (_, at) => this.spec.index[at] ?? 0);
    return elementPath(this.spec.path, [...leading, ...last]);
  }

  #scrolled(): void {
    const { scrollTop, scrollLeft, scrollHeight, scrollWidth, clientHeight, clientWidth } = this.body;
    const { rows, columns } = this.#extent;
    const fitting = this.#fitting;
    const part = (scrolled: number, way: number) => (way > 0 ? scrolled / way : 0);
    this.first = {
      row: Math.round(part(scrollTop, scrollHeight - clientHeight) * Math.max(0, rows - fitting.rows)),
      column: Math.round(
        part(scrollLeft, scrollWidth - clientWidth) * Math.max(0, columns - fitting.columns),
      ),
    };
  }

  #choose(cell: Cell): void {
    this.chosen = cell;
  }

  #textOf({ row, column }: Cell): string | undefined {
    return this.newest?.cells[row - this.newest.row]?.[column - this.newest.column];
  }

  #edit(cell: Cell): void {
    const text = this.#textOf(cell);
    if (!this.newest?.writable || text === undefined) return;
    this.chosen = cell;
    this.#was = text;
    this.typed = text;
  }

  #commit(): void {
    if (this.typed === null || !this.chosen) return;
    const value = parseValue(this.#kind, this.typed);
    this.typed = null;
    if (value !== null && value !== this.#was) {
      const target = { path: this.#path(this.chosen), kind: this.#kind };
      this.edits.set(target, value, this.#was);
    }
  }

  #pressInput(event: KeyboardEvent): void {
    event.stopPropagation();
    if (event.key === "Escape") this.typed = null;
    if (event.key === "Enter" && parseValue(this.#kind, this.typed ?? "") !== null) this.#commit();
    if (this.typed === null) this.body.focus();
  }

  #press(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const [down, right] =
      { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key] ?? [];
    const chosen = this.chosen ?? this.first;
    if (down !== undefined && right !== undefined)
      this.#moveTo({ row: chosen.row + down, column: chosen.column + right });
    else if (event.key === "Enter") this.#edit(chosen);
    else if (event.key === "p") emit(this, "add", plotOf([{ path: this.#path(chosen) }]));
    else return;
    event.preventDefault();
  }

  #moveTo({ row, column }: Cell): void {
    const { rows, columns } = this.#extent;
    const fitting = this.#fitting;
    this.chosen = {
      row: Math.min(rows - 1, Math.max(0, row)),
      column: Math.min(columns - 1, Math.max(0, column)),
    };
    const { scrollHeight, scrollWidth, clientHeight, clientWidth } = this.body;
    const show = (at: number, first: number, count: number) =>
      at < first ? at : at >= first + count ? at - count + 1 : first;
    const top = show(this.chosen.row, this.first.row, fitting.rows) / Math.max(1, rows - fitting.rows);
    const left =
      show(this.chosen.column, this.first.column, fitting.columns) / Math.max(1, columns - fitting.columns);
    this.body.scrollTo(left * (scrollWidth - clientWidth), top * (scrollHeight - clientHeight));
  }
}
