// The tree of fields. Only the rows in view are in the document.
import { css, html, LitElement, nothing } from "lit";
import { property, query, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import type { Connection } from "./connection.ts";
import { details, detailsStyles } from "./details.ts";
import type { Editor } from "./editor.ts";
import type { Edits } from "./edits.ts";
import { element, emit } from "./element.ts";
import { icons } from "./icons.ts";
import type { Point } from "./menu.ts";
import type { Row, Rows, Values } from "./message.ts";
import { offers } from "./offers.ts";
import { problemStyles } from "./problem.ts";
import { editable, type RowContext, renderRow, rowStyles, type Shown } from "./row.ts";
import { controls } from "./theme.ts";
import { isContainer } from "./value.ts";

export type RowMenu = { row: Row | null; source: Element; point?: Point };

/** How many rows are kept above and below those in view. */
const margin = 30;
/** Browsers limit the height of an element; a higher tree is scrolled in proportion. */
const maxHeight = 10_000_000;
/** Room below the last row, for what it has to say. */
const room = 64;
const rowHeight = matchMedia("(pointer: coarse)").matches ? 36 : 26;

@element("structstore-tree")
export class Tree extends LitElement {
  static override styles = [
    controls,
    rowStyles,
    problemStyles,
    detailsStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        min-height: 0;
        height: 100%;
        container-type: size;
        --value: 236px;
        --number: 92px;
      }
      .head {
        flex: none;
        display: grid;
        grid-template-columns: minmax(120px, 1fr) minmax(150px, var(--value)) 60px 92px;
        gap: 8px;
        align-items: center;
        height: 26px;
        padding: 0 12px 0 10px;
        border-bottom: 1px solid var(--line);
        color: var(--faint);
        font-size: 12px;
        position: relative;
        scrollbar-gutter: stable;
      }
      .head span:nth-child(2) {
        text-align: right;
        padding-right: 7px;
      }
      .head button {
        position: absolute;
        right: 6px;
      }
      .scroll {
        flex: 1;
        min-height: 0;
        overflow: hidden auto;
        overflow-anchor: none;
        position: relative;
        contain: strict;
      }
      .scroll:focus-visible {
        outline: none;
        box-shadow: inset 2px 0 var(--accent);
      }
      .scroll:focus-visible .row[aria-selected="true"] {
        box-shadow: inset 3px 0 var(--accent);
      }
      .rows {
        position: absolute;
        left: 0;
        right: 0;
      }
      .empty {
        padding: 24px;
        text-align: center;
        color: var(--soft);
      }
      @container (max-width: 520px) {
        .row,
        .head {
          grid-template-columns: minmax(90px, 1fr) minmax(0, 176px) 44px;
          gap: 6px;
        }
        .row {
          --number: 86px;
        }
        .kind,
        .head span:nth-child(4) {
          display: none;
        }
      }
      @container (max-height: 280px) {
        .details {
          display: none;
        }
      }
      @media (pointer: coarse) {
        .row .actions {
          display: flex;
        }
        .row {
          padding-right: 64px;
        }
      }
    `,
  ];

  @property({ attribute: false }) connection!: Connection;
  @property({ attribute: false }) edits!: Edits;
  @property({ attribute: false }) open: ReadonlySet<string> = new Set();
  @property() search = "";
  @state() private selected: string | null = null;
  @state() private total = -1;
  @query(".scroll") private scroller!: HTMLElement;

  #rows: Shown[] = [];
  #places = new Map<string, number>();
  #from = 0;
  #asked = { from: 0, count: 0 };
  /** The place of the selected row among all rows, as last seen. */
  #at = -1;
  /** The place of a row that is to be selected when it comes. */
  #wanted: number | null = null;
  #frame = 0;
  #size = new ResizeObserver(() => this.#look());
  #ends: (() => void)[] = [];

  /** Whether the row at `path` is among those in the document. */
  shows(path: string): boolean {
    return this.#places.has(path);
  }

  get selectedRow(): Row | undefined {
    return this.#row(this.selected);
  }

  override focus(): void {
    this.scroller.focus({ preventScroll: true });
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.style.setProperty("--row", `${rowHeight}px`);
    this.#ends = [
      this.connection.shown.on((message) => this.#receive(message)),
      this.edits.changed.on(() => this.requestUpdate()),
      this.edits.assigned.on(({ path, text }) => this.#change([[path, text]])),
    ];
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const end of this.#ends) end();
    this.#size.disconnect();
  }

  override firstUpdated(): void {
    this.#size.observe(this.scroller);
  }

  override updated(changed: Map<string, unknown>): void {
    if (changed.has("search")) this.scroller.scrollTop = 0;
    if (changed.has("search") || changed.has("open")) this.#look(true);
  }

  override render() {
    const context: RowContext = {
      edits: this.edits,
      locks: this.connection.locks,
      selected: this.selected,
      total: this.total,
      flat: this.search !== "",
      addable: (row) => offers(row).length > 0,
    };
    const at = this.#places.get(this.selected ?? "");
    return html`
      <div class="head">
        <span>Name</span><span>Value</span><span>Unit</span><span>Kind</span>
        <button class="icon small" title="Menu of the store" aria-label="Menu of the store" @click=${this.#rootMenu}>
          ${icons.more}
        </button>
      </div>
      <div
        class="scroll"
        role="tree"
        tabindex="0"
        aria-label="Fields"
        aria-activedescendant=${at === undefined ? nothing : `row-${this.#from + at}`}
        @scroll=${this.#scrolled}
        @keydown=${this.#press}
        @click=${this.#click}
        @dblclick=${this.#doubleClick}
        @contextmenu=${this.#context}
        @dragstart=${this.#drag}
        @leave=${this.focus}
      >
        <div class="space" role="presentation" .style=${`height: ${Math.min(maxHeight, this.#height)}px`}></div>
        <div class="rows" role="presentation" .style=${`top: ${this.#top}px`}>
          ${repeat(
            this.#rows,
            ({ row }) => row.path,
            (shown, index) => renderRow(shown, this.#from + index, context),
          )}
        </div>
        ${this.total === 0 ? html`<div class="empty">${this.search ? "No path contains this." : "The store is empty."}</div>` : nothing}
      </div>
      ${details(this.selectedRow)}
    `;
  }

  /** The height of all rows, were there no limit. */
  get #height(): number {
    return this.total <= 0 ? 0 : this.total * rowHeight + room;
  }

  get #ratio(): number {
    const view = this.scroller?.clientHeight ?? 0;
    return this.#height <= maxHeight ? 1 : (this.#height - view) / (maxHeight - view);
  }

  /** Where the first row in the document is. */
  get #top(): number {
    const scrolled = this.scroller?.scrollTop ?? 0;
    return this.#from * rowHeight - scrolled * this.#ratio + scrolled;
  }

  /** Asks for the rows in view if the last request does not cover them. */
  #look(again = false): void {
    const { scrollTop, clientHeight } = this.scroller;
    const first = Math.floor((scrollTop * this.#ratio) / rowHeight);
    const count = Math.ceil(clientHeight / rowHeight) + 1;
    const { from, count: asked } = this.#asked;
    const near = margin / 2;
    const covered =
      from <= Math.max(0, first - near) &&
      (from + asked >= first + count + near || (this.total >= 0 && from + asked >= this.total));
    if (covered && !again) return;
    this.#asked = { from: Math.max(0, first - margin), count: count + 2 * margin };
    this.connection.view({ open: [...this.open], search: this.search, ...this.#asked });
  }

  #receive(message: Rows | Values): void {
    if (message.type === "values") {
      this.#change(message.set);
      return;
    }
    const before = this.#rows;
    const places = this.#places;
    this.#rows = message.rows.map((row) => {
      const old = before[places.get(row.path) ?? -1];
      const changed = old !== undefined && old.row.text !== row.text;
      return { row, changes: (old?.changes ?? 0) + (changed ? 1 : 0) };
    });
    this.#places = new Map(message.rows.map((row, index) => [row.path, index]));
    this.#from = message.from;
    this.total = message.total;
    const wanted = this.#rows[(this.#wanted ?? -1) - this.#from];
    if (wanted) this.#select(wanted.row.path);
    else if (this.selectedRow) this.#select(this.selectedRow.path);
    this.requestUpdate();
  }

  #change(values: [string, string][]): void {
    for (const [path, text] of values) {
      const place = this.#places.get(path);
      const shown = this.#rows[place ?? -1];
      if (place === undefined || !shown || shown.row.text === text) continue;
      this.#rows[place] = { row: { ...shown.row, text }, changes: shown.changes + 1 };
    }
    this.requestUpdate();
  }

  #row(path: string | null): Row | undefined {
    return this.#rows[this.#places.get(path ?? "") ?? -1]?.row;
  }

  #scrolled(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => {
      this.#look();
      if (this.#ratio !== 1) this.requestUpdate();
    });
  }

  #select(path: string): void {
    this.#wanted = null;
    this.selected = path;
    this.#at = this.#from + (this.#places.get(path) ?? 0);
  }

  /** Moves the selection to the row `index` of all rows. */
  #moveTo(index: number): void {
    const at = Math.max(0, Math.min(this.total - 1, index));
    const row = this.#rows[at - this.#from]?.row;
    if (row) this.#select(row.path);
    else this.#wanted = at;
    const { clientHeight, scrollTop } = this.scroller;
    const top = scrollTop * this.#ratio;
    if (at * rowHeight < top) this.scroller.scrollTop = (at * rowHeight) / this.#ratio;
    else if ((at + 1) * rowHeight > top + clientHeight)
      this.scroller.scrollTop = ((at + 1) * rowHeight - clientHeight) / this.#ratio;
  }

  #press(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = this.#wanted ?? this.#at;
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / rowHeight) - 1);
    const target = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: this.total - 1,
    }[event.key];
    if (target !== undefined) this.#moveTo(target);
    else if (!this.#act(event)) return;
    event.preventDefault();
  }

  /** What a key does with the selected row. */
  #act(event: KeyboardEvent): boolean {
    const row = this.selectedRow;
    if (!row) return false;
    const container = isContainer(row.kind);
    switch (event.key) {
      case "ArrowRight":
        if (!container) return false;
        if (row.open) this.#moveTo(this.#from + this.#places.get(row.path)! + 1);
        else this.#fold(row, true);
        return true;
      case "ArrowLeft":
        if (container && row.open && !this.search) this.#fold(row, false);
        else this.#toParent(row);
        return true;
      case "Enter":
        this.#enter(row);
        return true;
      case " ":
        if (container) this.#fold(row, !row.open);
        else if (row.kind === "bool") this.#editor(row)?.toggle();
        return true;
      case "p":
        this.#add(row, this.#element(row));
        return true;
      case "Escape":
        if (this.edits.problems.has(row.path)) this.edits.forget(row.path);
        else emit(this, "clear-search", undefined);
        return true;
      default:
        return false;
    }
  }

  #enter(row: Row): void {
    if (isContainer(row.kind)) this.#fold(row, !row.open);
    else if (editable(row)) this.#editor(row)?.activate();
    else this.#add(row, this.#element(row));
  }

  #fold(row: Row, open: boolean): void {
    emit(this, "fold", { path: row.path, open });
  }

  #toParent(row: Row): void {
    const at = this.#places.get(row.path)!;
    const parent = this.#rows.slice(0, at).findLastIndex((shown) => shown.row.level < row.level);
    if (parent >= 0) this.#moveTo(this.#from + parent);
  }

  #element(row: Row): Element {
    return this.renderRoot.querySelector(`#row-${this.#from + this.#places.get(row.path)!}`) ?? this;
  }

  #editor(row: Row): Editor | null {
    return this.#element(row).querySelector("structstore-editor");
  }

  #add(row: Row, source: Element): void {
    emit(this, "add-row", { row, source });
  }

  #click(event: MouseEvent): void {
    const { row, source, act } = this.#target(event);
    if (!row) return;
    this.#select(row.path);
    if (act === "fold") this.#fold(row, !row.open);
    if (act === "reset") this.edits.reset(row);
    if (act === "add") this.#add(row, source);
    if (act === "menu") emit<RowMenu>(this, "row-menu", { row, source });
  }

  #doubleClick(event: MouseEvent): void {
    const { row, act, source } = this.#target(event);
    if (!row || act || source.closest(".value") || !isContainer(row.kind) || this.search) return;
    this.#fold(row, !row.open);
  }

  #context(event: MouseEvent): void {
    const { row = this.selectedRow, source } = this.#target(event);
    if (!row || source.closest("structstore-editor")) return;
    event.preventDefault();
    this.#select(row.path);
    const byKey = event.button !== 2;
    const point = byKey ? undefined : { x: event.clientX, y: event.clientY };
    emit<RowMenu>(this, "row-menu", {
      row,
      source: byKey ? this.#element(row) : source,
      ...(point && { point }),
    });
  }

  #rootMenu(event: Event): void {
    emit<RowMenu>(this, "row-menu", { row: null, source: event.currentTarget as Element });
  }

  #drag(event: DragEvent): void {
    const { row } = this.#target(event);
    if (row && offers(row).length)
      event.dataTransfer?.setData("application/x-structstore", JSON.stringify(row));
    else event.preventDefault();
  }

  #target(event: Event): { row: Row | undefined; source: Element; act: string | undefined } {
    const source = event.target as Element;
    const path = source.closest<HTMLElement>("[data-path]")?.dataset.path;
    const button = source.closest<HTMLElement>("[data-act]");
    return { row: this.#row(path ?? null), source: button ?? source, act: button?.dataset.act };
  }
}
