// The dialog that shows the keys.
import { css, html, LitElement } from "lit";
import { property, query } from "lit/decorators.js";
import type { Connection } from "./connection.ts";
import { dialogStyles } from "./dialog.ts";
import { element } from "./element.ts";
import { icons } from "./icons.ts";
import { controls } from "./theme.ts";

const keys: [string, string][] = [
  ["/", "search"],
  ["↑ ↓ Page Home End", "move the selection"],
  ["→ ←", "open or close a struct or list"],
  ["Enter", "edit a value, or open what is selected"],
  ["Space", "toggle a bool"],
  ["↑ ↓ in a number", "change it by a step; with Shift by ten"],
  ["p", "add to a plot, or show as a picture, line or table"],
  ["Esc", "drop what is typed, close a message, clear the search"],
  ["Ctrl+Z, Ctrl+Shift+Z", "undo, redo"],
  ["← → on a title", "move a panel; with Shift and all arrows: resize it"],
  ["Enter, Delete on a title", "full size, close"],
  ["?", "these keys"],
];

@element("structstore-help")
export class Help extends LitElement {
  static override styles = [
    controls,
    dialogStyles,
    css`
      dl {
        display: grid;
        grid-template-columns: max-content 1fr;
        gap: 5px 18px;
        margin: 0;
        padding: 2px 14px 6px;
      }
      dt {
        color: var(--soft);
      }
      dd {
        margin: 0;
      }
      p {
        margin: 8px 14px 14px;
        color: var(--soft);
      }
      code {
        font-family: ui-monospace, "SF Mono", Consolas, monospace;
        font-size: 12px;
        color: var(--text);
      }
      @media (max-width: 480px) {
        dl {
          grid-template-columns: 1fr;
          gap: 0;
        }
        dd {
          margin-bottom: 6px;
        }
      }
    `,
  ];

  @property({ attribute: false }) connection!: Connection;
  /** Whether this is a part of another page, which has no licenses beside it. */
  @property({ type: Boolean }) embedded = false;
  @query("dialog") private dialog!: HTMLDialogElement;

  open(): void {
    this.requestUpdate();
    this.dialog.showModal();
  }

  override render() {
    const { hello } = this.connection;
    return html`<dialog @keydown=${(event: Event) => event.stopPropagation()}>
      <header>
        <h2>Keys</h2>
        <button class="icon" title="Close" @click=${() => this.dialog.close()}>${icons.close}</button>
      </header>
      <dl>${keys.map(([key, what]) => html`<dt>${key}</dt><dd>${what}</dd>`)}</dl>
      <p>
        Double-click or right-click rows and titles for more. In a plot, drag to zoom and double-click to go back.
      </p>
      <p>
        ${
          hello?.writable.length
            ? html`This page may change ${hello.writable.map((path) => path || "everything").join(", ")}.`
            : html`This page may not change anything. <code>structstore serve ${hello?.store ?? "NAME"} --write PATH</code>
                lets it change what is below PATH.`
        }
        ${hello ? html`StructStore ${hello.version}.` : ""}
        ${this.embedded ? "" : html`<a href="licenses.txt" target="_blank">Licenses</a> of what the page is made of.`}
      </p>
    </dialog>`;
  }
}
