// The grid of panels, which a person arranges.
import { css, html, LitElement } from "lit";
import { property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import type { Connection } from "./connection.ts";
import type { Edits } from "./edits.ts";
import { element, emit } from "./element.ts";
import { columns, maxHeight, type Panel, type Spec } from "./layout.ts";
import type { Row } from "./message.ts";
import type { PanelAct, PanelFrame } from "./panel.ts";
import "./panel.ts";
import { controls } from "./theme.ts";

const gap = 8;
const unit = 64;

export type RowDrop = { row: Row; source: Element; target?: number };

@element("structstore-panels")
export class Panels extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        position: relative;
        display: block;
        height: 100%;
        min-width: 0;
        background: var(--surface);
        container-type: inline-size;
      }
      .area {
        height: 100%;
        padding: ${gap}px;
        overflow: hidden auto;
      }
      .area.over {
        outline: 2px dashed var(--accent);
        outline-offset: -4px;
      }
      .grid {
        display: grid;
        grid-template-columns: repeat(${columns}, minmax(0, 1fr));
        grid-auto-rows: ${unit - gap}px;
        grid-auto-flow: dense;
        gap: ${gap}px;
      }
      structstore-panel {
        grid-column: span var(--width);
        grid-row: span var(--height);
      }
      structstore-panel.over {
        outline: 2px solid var(--accent);
      }
      structstore-panel.held {
        opacity: 0.75;
        box-shadow: 0 6px 24px var(--shadow);
      }
      structstore-panel.full {
        position: absolute;
        inset: ${gap}px;
        z-index: 4;
      }
      @container (max-width: 560px) {
        structstore-panel {
          grid-column: 1 / -1;
        }
      }
      .hint {
        display: grid;
        height: 100%;
        place-content: center;
        gap: 4px;
        padding: 24px;
        text-align: center;
        color: var(--soft);
      }
      .hint p {
        margin: 0;
      }
      .hint kbd {
        padding: 0 5px;
        border: 1px solid var(--edge);
        border-radius: 4px;
        font: inherit;
        font-size: 12px;
      }
    `,
  ];

  @property({ attribute: false }) panels: Panel[] = [];
  @property({ attribute: false }) connection!: Connection;
  @property({ attribute: false }) edits!: Edits;
  @state() private full: number | null = null;
  @state() private held: number | null = null;
  /** Over what a row is dragged: a plot, or the area. */
  @state() private over: number | "area" | null = null;

  frame(id: number): PanelFrame | null {
    return this.renderRoot.querySelector(`structstore-panel[data-id="${id}"]`);
  }

  override render() {
    const places = new Map(this.panels.map(({ id }, at) => [id, at]));
    // Elements stay where they are in the document, so that no view has to begin again; `order` arranges them.
    const stable = [...this.panels].sort((left, right) => left.id - right.id);
    return html`<div
      class="area ${this.over === "area" ? "over" : ""}"
      @dragover=${this.#dragOver}
      @dragleave=${this.#dragLeave}
      @drop=${this.#drop}
      @act=${this.#act}
      @spec=${this.#spec}
      @grab=${this.#grab}
      @grab-corner=${this.#grabCorner}
    >
      ${
        stable.length
          ? html`<div class="grid">
              ${repeat(
                stable,
                ({ id }) => id,
                (panel) => this.#renderPanel(panel, places.get(panel.id) ?? 0),
              )}
            </div>`
          : html`<div class="hint">
              <p>Drag a field here, press + in its row, or select it and press <kbd>p</kbd>.</p>
              <p>Numbers and streams become plots, arrays pictures, lines or tables.</p>
            </div>`
      }
    </div>`;
  }

  #renderPanel(panel: Panel, order: number) {
    const { id, spec } = panel;
    const classes = [
      this.full === id ? "full" : "",
      this.held === id ? "held" : "",
      this.over === id ? "over" : "",
    ];
    return html`<structstore-panel
      class=${classes.filter(Boolean).join(" ")}
      data-panel=${spec.kind}
      data-id=${id}
      .style=${`order: ${order}; --width: ${panel.width}; --height: ${panel.height}`}
      .panel=${panel}
      .connection=${this.connection}
      .edits=${this.edits}
      .full=${this.full === id}
    ></structstore-panel>`;
  }

  #change(panels: Panel[]): void {
    emit(this, "panels", panels);
  }

  #replace(panel: Panel): void {
    this.#change(this.panels.map((other) => (other.id === panel.id ? panel : other)));
  }

  #spec(event: CustomEvent<Spec>): void {
    const frame = event
      .composedPath()
      .find((target) => (target as Element).localName === "structstore-panel");
    const { panel } = frame as PanelFrame;
    this.#replace({ ...panel, spec: event.detail });
  }

  #act(event: CustomEvent<{ panel: Panel; act: PanelAct }>): void {
    const { act, panel } = event.detail;
    if (act === "full") this.full = this.full === panel.id ? null : panel.id;
    else if (act === "close") this.#close(panel);
    else if ("move" in act) this.#move(panel.id, this.panels.indexOf(panel) + act.move);
    else if ("width" in act) this.#replace({ ...panel, width: within(act.width, 1, columns) });
    else this.#replace({ ...panel, height: within(act.height, 2, maxHeight) });
  }

  #close({ id }: Panel): void {
    if (this.full === id) this.full = null;
    this.#change(this.panels.filter((panel) => panel.id !== id));
  }

  #move(id: number, to: number): void {
    const moved = this.panels.find((panel) => panel.id === id);
    const others = this.panels.filter((panel) => panel.id !== id);
    if (moved) this.#change([...others.slice(0, Math.max(0, to)), moved, ...others.slice(Math.max(0, to))]);
  }

  #frames(): PanelFrame[] {
    return [...this.renderRoot.querySelectorAll<PanelFrame>("structstore-panel")];
  }

  #frameAt({ clientX, clientY }: MouseEvent): PanelFrame | undefined {
    return this.#frames().find((frame) => {
      const { left, right, top, bottom } = frame.getBoundingClientRect();
      return clientX >= left && clientX <= right && clientY >= top && clientY <= bottom;
    });
  }

  /** Moves a panel to the place of the one under the pointer. */
  #grab(event: CustomEvent<PointerEvent>): void {
    const frame = event.target as PanelFrame;
    const { id } = frame.panel;
    let last = id;
    this.#follow(event.detail, (move) => {
      this.held = id;
      const over = this.#frameAt(move)?.panel;
      if (over && over.id !== last && over.id !== id) this.#move(id, this.panels.indexOf(over));
      last = over?.id ?? id;
    });
  }

  #grabCorner(event: CustomEvent<PointerEvent>): void {
    const frame = event.target as PanelFrame;
    const { left, top } = frame.getBoundingClientRect();
    const grid = this.renderRoot.querySelector(".grid")!.clientWidth;
    this.#follow(event.detail, ({ clientX, clientY }) => {
      const width = within(Math.round(((clientX - left + gap) / (grid + gap)) * columns), 1, columns);
      const height = within(Math.round((clientY - top + gap) / unit), 2, maxHeight);
      const { panel } = frame;
      if (panel.width !== width || panel.height !== height) this.#replace({ ...panel, width, height });
    });
  }

  /** Follows the pointer until it is let go. */
  #follow(begin: PointerEvent, moved: (event: PointerEvent) => void): void {
    const ends = new AbortController();
    const { signal } = ends;
    const move = (event: PointerEvent) => {
      const far = Math.hypot(event.clientX - begin.clientX, event.clientY - begin.clientY) > 4;
      if (event.pointerId === begin.pointerId && (far || this.held !== null)) moved(event);
    };
    const end = () => {
      this.held = null;
      ends.abort();
    };
    window.addEventListener("pointermove", move, { signal });
    window.addEventListener("pointerup", end, { signal });
    window.addEventListener("pointercancel", end, { signal });
  }

  #dragOver(event: DragEvent): void {
    if (!event.dataTransfer?.types.includes("application/x-structstore")) return;
    event.preventDefault();
    const panel = this.#frameAt(event)?.panel;
    this.over = panel?.spec.kind === "plot" ? panel.id : "area";
  }

  #dragLeave(event: DragEvent): void {
    if (!this.renderRoot.contains(event.relatedTarget as Node)) this.over = null;
  }

  #drop(event: DragEvent): void {
    const text = event.dataTransfer?.getData("application/x-structstore");
    const target = typeof this.over === "number" ? this.over : undefined;
    this.over = null;
    if (!text) return;
    event.preventDefault();
    const row: Row = JSON.parse(text);
    const source = this.#frameAt(event) ?? this;
    emit<RowDrop>(this, "drop-row", target === undefined ? { row, source } : { row, source, target });
  }
}

const within = (value: number, min: number, max: number) => Math.min(max, Math.max(min, value));
