// The menu that opens at a button or at the pointer.
import { css, html, LitElement, nothing } from "lit";
import { state } from "lit/decorators.js";
import { element, emit } from "./element.ts";
import { controls } from "./theme.ts";

export type Item = { label: string; keys?: string; disabled?: boolean; run: () => void } | "line";
export type Point = { x: number; y: number };
export type MenuRequest = { point: Point; items: Item[] };

/** Asks the app to open a menu below an element or at a point. */
export function openMenu(source: Element, items: Item[], at?: Point): void {
  const { left, bottom } = source.getBoundingClientRect();
  emit<MenuRequest>(source, "menu", { point: at ?? { x: left, y: bottom + 2 }, items });
}

@element("structstore-menu")
export class Menu extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        position: fixed;
        inset: auto;
        margin: 0;
        padding: 4px;
        min-width: 170px;
        max-width: min(340px, 94vw);
        max-height: 80vh;
        overflow: auto;
        border: 1px solid var(--edge);
        border-radius: 7px;
        background: var(--raised);
        color: var(--text);
        box-shadow: 0 6px 24px var(--shadow);
      }
      button {
        display: flex;
        width: 100%;
        height: 28px;
        justify-content: space-between;
        border: 0;
        background: none;
      }
      button span {
        overflow: hidden;
        text-overflow: ellipsis;
      }
      button:focus-visible,
      button:hover:not(:disabled) {
        outline: none;
        background: var(--selected);
      }
      kbd {
        font: inherit;
        color: var(--faint);
        padding-left: 16px;
      }
      hr {
        border: 0;
        border-top: 1px solid var(--line);
        margin: 4px 0;
      }
    `,
  ];

  @state() private items: Item[] = [];
  #before: HTMLElement | null = null;

  async open({ point, items }: MenuRequest): Promise<void> {
    const root = this.getRootNode() as ShadowRoot;
    this.#before = deepest(root.activeElement);
    this.items = items;
    await this.updateComplete;
    this.showPopover();
    const { width, height } = this.getBoundingClientRect();
    this.style.left = `${Math.max(4, Math.min(point.x, innerWidth - width - 4))}px`;
    this.style.top = `${Math.max(4, Math.min(point.y, innerHeight - height - 4))}px`;
    this.#buttons[0]?.focus();
  }

  override render() {
    return this.items.map((item) =>
      item === "line"
        ? html`<hr />`
        : html`<button role="menuitem" ?disabled=${item.disabled ?? false} @click=${() => this.#run(item.run)}>
            <span>${item.label}</span>${item.keys ? html`<kbd>${item.keys}</kbd>` : nothing}
          </button>`,
    );
  }

  override connectedCallback(): void {
    super.connectedCallback();
    // An automatic popover would close when the button of a right click comes up.
    this.popover = "manual";
    this.setAttribute("role", "menu");
    this.addEventListener("keydown", this.#press);
    window.addEventListener("pointerdown", this.#closeOutside, true);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener("pointerdown", this.#closeOutside, true);
  }

  get #buttons(): HTMLButtonElement[] {
    return [...this.renderRoot.querySelectorAll<HTMLButtonElement>("button:enabled")];
  }

  #closeOutside = (event: Event): void => {
    if (!event.composedPath().includes(this)) this.hidePopover();
  };

  #run(run: () => void): void {
    this.hidePopover();
    this.#before?.focus();
    run();
  }

  #press = (event: KeyboardEvent): void => {
    event.stopPropagation();
    const buttons = this.#buttons;
    const at = buttons.findIndex((button) => button.matches(":focus"));
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move) buttons.at((at + move) % buttons.length)?.focus();
    if (event.key === "Escape" || event.key === "Tab") {
      this.hidePopover();
      this.#before?.focus();
    }
    if (move || event.key === "Escape" || event.key === "Tab") event.preventDefault();
  };
}

function deepest(active: Element | null): HTMLElement | null {
  const inner = active?.shadowRoot?.activeElement;
  return inner ? deepest(inner) : (active as HTMLElement | null);
}
