// A panel: a title bar around a view.
import { css, html, LitElement } from "lit";
import { property } from "lit/decorators.js";
import type { Connection } from "./connection.ts";
import type { Edits } from "./edits.ts";
import { element, emit } from "./element.ts";
import { icons } from "./icons.ts";
import "./info.ts";
import { columns, maxHeight, type Panel, type Spec } from "./layout.ts";
import { type Item, openMenu } from "./menu.ts";
import "./picture.ts";
import { lineName, type Plot } from "./plot.ts";
import "./table.ts";
import { controls } from "./theme.ts";
import "./vector.ts";

export type PanelAct = "close" | "full" | { move: number } | { width: number } | { height: number };

@element("structstore-panel")
export class PanelFrame extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        position: relative;
        display: flex;
        flex-direction: column;
        min-width: 0;
        min-height: 0;
        border: 1px solid var(--line);
        border-radius: 7px;
        background: var(--back);
        overflow: hidden;
      }
      .title {
        flex: none;
        display: flex;
        align-items: center;
        height: 28px;
        padding: 0 4px 0 10px;
        border-bottom: 1px solid var(--line);
        background: var(--surface);
        cursor: grab;
        touch-action: none;
        user-select: none;
      }
      .title:active {
        cursor: grabbing;
      }
      .title svg {
        color: var(--faint);
      }
      .title > svg {
        width: 14px;
        margin-right: 6px;
      }
      .title button svg {
        width: 14px;
        color: inherit;
      }
      h2 {
        flex: 1;
        min-width: 0;
        margin: 0;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
        font-size: 12px;
        font-weight: 600;
      }
      .view {
        flex: 1;
        min-height: 0;
      }
      .corner {
        position: absolute;
        right: 0;
        bottom: 0;
        width: 16px;
        height: 16px;
        cursor: nwse-resize;
        touch-action: none;
      }
      .corner::after {
        content: "";
        position: absolute;
        right: 3px;
        bottom: 3px;
        width: 6px;
        height: 6px;
        border: solid var(--edge);
        border-width: 0 2px 2px 0;
      }
    `,
  ];

  @property({ attribute: false }) panel!: Panel;
  @property({ attribute: false }) connection!: Connection;
  @property({ attribute: false }) edits!: Edits;
  @property({ type: Boolean }) full = false;

  get plot(): Plot | null {
    return this.renderRoot.querySelector("structstore-plot");
  }

  override render() {
    const { spec } = this.panel;
    const full = this.full ? "Back to the grid" : "Full size";
    return html`
      <div
        class="title"
        tabindex="0"
        role="group"
        aria-label=${titleOf(spec)}
        @pointerdown=${this.#grab}
        @dblclick=${() => this.#act("full")}
        @keydown=${this.#press}
        @contextmenu=${this.#context}
      >
        ${icons[spec.kind]}
        <h2 title=${titleOf(spec)}>${titleOf(spec)}</h2>
        <button class="icon small" title="Menu of the panel" @click=${this.#menu}>${icons.more}</button>
        <button class="icon small" title=${full} aria-pressed=${this.full} @click=${() => this.#act("full")}>${icons.expand}</button>
        <button class="icon small" title="Close" @click=${() => this.#act("close")}>${icons.close}</button>
      </div>
      <div class="view">${this.#renderView(spec)}</div>
      <div class="corner" ?hidden=${this.full} @pointerdown=${this.#grabCorner}></div>
    `;
  }

  #renderView(spec: Spec) {
    const { connection, edits } = this;
    const { id } = this.panel;
    switch (spec.kind) {
      case "plot":
        return html`<structstore-plot .panel=${id} .spec=${spec} .connection=${connection} .edits=${edits}></structstore-plot>`;
      case "picture":
        return html`<structstore-picture .panel=${id} .spec=${spec} .connection=${connection} .edits=${edits}></structstore-picture>`;
      case "vector":
        return html`<structstore-vector .panel=${id} .spec=${spec} .connection=${connection} .edits=${edits}></structstore-vector>`;
      case "table":
        return html`<structstore-table .panel=${id} .spec=${spec} .connection=${connection} .edits=${edits}></structstore-table>`;
      case "info":
        return html`<structstore-info .panel=${id} .spec=${spec} .connection=${connection} .edits=${edits}></structstore-info>`;
    }
  }

  #act(act: PanelAct): void {
    emit(this, "act", { panel: this.panel, act });
  }

  #menu(event: Event): void {
    openMenu(event.currentTarget as Element, this.#items());
  }

  #context(event: MouseEvent): void {
    event.preventDefault();
    const point = event.button === 2 ? { x: event.clientX, y: event.clientY } : undefined;
    openMenu(event.currentTarget as Element, this.#items(), point);
  }

  #items(): Item[] {
    const { width, height } = this.panel;
    return [
      { label: "Move left", keys: "←", run: () => this.#act({ move: -1 }) },
      { label: "Move right", keys: "→", run: () => this.#act({ move: 1 }) },
      {
        label: "Wider",
        keys: "Shift →",
        disabled: width >= columns,
        run: () => this.#act({ width: width + 1 }),
      },
      {
        label: "Narrower",
        keys: "Shift ←",
        disabled: width <= 1,
        run: () => this.#act({ width: width - 1 }),
      },
      {
        label: "Taller",
        keys: "Shift ↓",
        disabled: height >= maxHeight,
        run: () => this.#act({ height: height + 1 }),
      },
      {
        label: "Shorter",
        keys: "Shift ↑",
        disabled: height <= 2,
        run: () => this.#act({ height: height - 1 }),
      },
      "line",
      { label: this.full ? "Back to the grid" : "Full size", keys: "Enter", run: () => this.#act("full") },
      { label: "Close", keys: "Delete", run: () => this.#act("close") },
    ];
  }

  #press(event: KeyboardEvent): void {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    const { width, height } = this.panel;
    const acts: Record<string, PanelAct> = event.shiftKey
      ? {
          ArrowLeft: { width: width - 1 },
          ArrowRight: { width: width + 1 },
          ArrowUp: { height: height - 1 },
          ArrowDown: { height: height + 1 },
        }
      : { ArrowLeft: { move: -1 }, ArrowRight: { move: 1 }, Enter: "full", Delete: "close" };
    if (event.key === "Escape" && this.full) acts.Escape = "full";
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    this.#act(act);
  }

  #grab(event: PointerEvent): void {
    if (event.button === 0 && !(event.target as Element).closest("button") && !this.full)
      emit(this, "grab", event);
  }

  #grabCorner(event: PointerEvent): void {
    if (event.button === 0) emit(this, "grab-corner", event);
  }
}

function titleOf(spec: Spec): string {
  if (spec.kind === "info") return "Store";
  if (spec.kind !== "plot") return spec.path;
  return spec.lines.map(lineName).join(", ") || "Plot";
}
