// A view fills a panel: it asks the viewer for something and shows what comes.
import { css, html, LitElement, nothing } from "lit";
import { property, state } from "lit/decorators.js";
import type { Connection } from "./connection.ts";
import type { Edits } from "./edits.ts";
import { emit } from "./element.ts";
import type { Spec } from "./layout.ts";
import type { PanelMessage, PanelRequest } from "./message.ts";

type WithoutId<T> = T extends { id: number } ? Omit<T, "id"> : never;
export type Request = WithoutId<PanelRequest>;

export const viewStyles = css`
  :host {
    display: flex;
    flex-direction: column;
    min-width: 0;
    min-height: 0;
    height: 100%;
  }
  .body {
    position: relative;
    flex: 1;
    min-height: 0;
    min-width: 0;
  }
  .missing {
    position: absolute;
    inset: 0;
    display: grid;
    place-content: center;
    padding: 12px;
    text-align: center;
    color: var(--soft);
    pointer-events: none;
  }
  .foot {
    flex: none;
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 4px 10px;
    min-height: 28px;
    padding: 3px 18px 3px 8px;
    color: var(--soft);
    font-size: 12px;
  }
  .foot label {
    display: inline-flex;
    align-items: center;
    gap: 4px;
  }
  .foot input:not([type="checkbox"]),
  .foot select {
    height: 20px;
    padding: 0 4px;
    font-size: 12px;
  }
  .foot input.short {
    width: 52px;
  }
  .grow {
    flex: 1;
  }
`;

export abstract class View<S extends Spec> extends LitElement {
  @property({ type: Number }) panel = 0;
  @property({ attribute: false }) spec!: S;
  @property({ attribute: false }) connection!: Connection;
  @property({ attribute: false }) edits!: Edits;
  @state() protected missing = "";
  /** The size of the body in pixels of the page. */
  @state() protected size: { width: number; height: number } | null = null;
  #asked = "";
  #timer = 0;
  #observer = new ResizeObserver(([entry]) => {
    const { width, height } = entry!.contentRect;
    if (width && height) this.size = { width: Math.floor(width), height: Math.floor(height) };
  });

  /** What to ask for; `null` if that is not known yet. */
  protected abstract request(): Request | null;
  protected abstract receive(message: PanelMessage): void;

  override firstUpdated(): void {
    const body = this.renderRoot.querySelector(".body");
    if (body) this.#observer.observe(body);
  }

  override updated(_changed: Map<string, unknown>): void {
    const request = this.request();
    const text = JSON.stringify(request);
    if (!request || text === this.#asked) return;
    // A panel that is resized asks when it has its size.
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(request), this.#asked ? 60 : 0);
    this.#asked = text;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
    this.#observer.disconnect();
    this.connection.hide(this.panel);
  }

  /** Changes what the panel shows. */
  protected change(spec: Partial<S>): void {
    emit(this, "spec", { ...this.spec, ...spec });
  }

  protected renderMissing() {
    return this.missing ? html`<div class="missing">${this.missing}</div>` : nothing;
  }

  #ask(request: Request): void {
    this.connection.show({ id: this.panel, ...request } as PanelRequest, (message) => {
      if (message.type !== "missing") this.missing = "";
      else if (message.line == null) this.missing = message.error;
      this.receive(message);
    });
  }
}

/** An input for each leading dimension of an array. */
export function renderIndex(index: number[], shape: number[], change: (index: number[]) => void) {
  return shape.map(
    (length, at) => html`<label>
      [${at}]
      <input
        class="short"
        type="number"
        min="0"
        max=${length - 1}
        aria-label="Index in dimension ${at}"
        .value=${String(index[at] ?? 0)}
        @change=${(event: Event) => {
          const input = event.target as HTMLInputElement;
          const chosen = Math.min(length - 1, Math.max(0, Math.floor(Number(input.value))));
          input.value = String(chosen);
          change(shape.map((_, other) => (other === at ? chosen : (index[other] ?? 0))));
        }}
      />
    </label>`,
  );
}

/** The dtype and shape of what is shown. */
export function typeOf(message: { dtype: string; shape: number[] } | null): string {
  return message ? `${message.dtype}[${message.shape.join(", ")}]` : "";
}
