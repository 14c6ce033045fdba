// The list of the stores of the machine.
import { css, html, LitElement, nothing } from "lit";
import { state } from "lit/decorators.js";
import { element } from "./element.ts";
import { icons } from "./icons.ts";
import type { Store } from "./message.ts";
import { controls, theme, tokens } from "./theme.ts";
import { formatSize } from "./value.ts";

@element("structstore-stores")
export class StoreList extends LitElement {
  static override styles = [
    tokens,
    controls,
    css`
      :host {
        display: block;
        height: 100%;
        overflow: auto;
      }
      .page {
        max-width: 860px;
        margin: 0 auto;
        padding: 20px 16px 40px;
      }
      header {
        display: flex;
        align-items: center;
        justify-content: space-between;
        margin-bottom: 12px;
      }
      h1 {
        margin: 0;
        font-size: 16px;
        font-weight: 600;
      }
      ul {
        margin: 0;
        padding: 0;
        list-style: none;
        border: 1px solid var(--line);
        border-radius: 7px;
        overflow: hidden;
      }
      li + li {
        border-top: 1px solid var(--line);
      }
      a,
      .broken {
        display: grid;
        grid-template-columns: minmax(0, 1fr) 76px 100px minmax(0, 1fr);
        gap: 2px 16px;
        align-items: baseline;
        padding: 9px 14px;
        color: inherit;
        text-decoration: none;
      }
      a:hover {
        background: var(--hover);
      }
      b {
        font-weight: 600;
        overflow-wrap: anywhere;
      }
      .number {
        text-align: right;
        white-space: nowrap;
        color: var(--soft);
      }
      .programs {
        color: var(--soft);
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      mark {
        margin-left: 8px;
        padding: 1px 6px;
        border-radius: 4px;
        background: var(--selected);
        color: var(--soft);
        font-size: 11px;
        font-weight: 400;
      }
      mark.orphan {
        background: none;
        box-shadow: inset 0 0 0 1px var(--warn);
        color: var(--warn);
      }
      .error {
        grid-column: 1 / -1;
        color: var(--error);
        font-size: 12px;
      }
      p {
        color: var(--soft);
      }
      @media (max-width: 600px) {
        a,
        .broken {
          grid-template-columns: minmax(0, 1fr) 68px 90px;
        }
        .programs {
          grid-column: 1 / -1;
        }
      }
    `,
  ];

  @state() private stores: Store[] | null = null;
  @state() private problem = "";
  #timer = 0;

  override connectedCallback(): void {
    super.connectedCallback();
    theme.changed.on(() => this.#applyTheme());
    this.#applyTheme();
    this.#refresh();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
  }

  override render() {
    const dark = theme.dark;
    return html`<div class="page">
      <header>
        <h1>Stores</h1>
        <button
          class="icon"
          title=${dark ? "Light theme" : "Dark theme"}
          aria-label="Theme"
          @click=${() => theme.choose(dark ? "light" : "dark")}
        >
          ${dark ? icons.light : icons.dark}
        </button>
      </header>
      ${this.problem ? html`<p role="alert">${this.problem}</p>` : nothing}
      ${this.stores ? this.#renderStores(this.stores) : nothing}
    </div>`;
  }

  #renderStores(stores: Store[]) {
    if (stores.length === 0) return html`<p>There is no store on this machine.</p>`;
    return html`<ul>
      ${stores.map((store) => html`<li>${this.#renderStore(store)}</li>`)}
    </ul>`;
  }

  #renderStore(store: Store) {
    const { error, fields, lifetime, name, orphan, processes, size } = store;
    const programs = processes.map(({ pid, program }) => `${program} (${pid})`).join(", ");
    const parts = html`
      <b>${name}${lifetime === "persistent" ? html`<mark>persistent</mark>` : nothing}${
        orphan ? html`<mark class="orphan">orphan</mark>` : nothing
      }</b>
      <span class="number">${formatSize(size)}</span>
      <span class="number">${error ? "" : `${fields} ${fields === 1 ? "field" : "fields"}`}</span>
      <span class="programs" title=${programs}>${programs}</span>
      ${error ? html`<span class="error">${error}</span>` : nothing}
    `;
    if (error) return html`<div class="broken">${parts}</div>`;
    return html`<a href="?store=${encodeURIComponent(name)}">${parts}</a>`;
  }

  #applyTheme(): void {
    theme.apply(this);
    theme.apply(document.documentElement);
    this.requestUpdate();
  }

  async #refresh(): Promise<void> {
    if (!document.hidden) await this.#load();
    this.#timer = setTimeout(() => this.#refresh(), 2000);
  }

  async #load(): Promise<void> {
    try {
      const response = await fetch("stores");
      if (response.ok) this.stores = await response.json();
      this.problem =
        response.status === 403
          ? "Not allowed. Open the address with its token again, as structstore serve prints it."
          : "";
    } catch {
      this.problem = "The viewer has stopped.";
    }
  }
}
