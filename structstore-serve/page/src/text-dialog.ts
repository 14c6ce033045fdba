// The dialog that edits a string of many lines, or shows it.
import { css, html, LitElement, nothing } from "lit";
import { property, query, state } from "lit/decorators.js";
import type { Connection } from "./connection.ts";
import { dialogStyles } from "./dialog.ts";
import type { Edits } from "./edits.ts";
import { element } from "./element.ts";
import { icons } from "./icons.ts";
import type { Row } from "./message.ts";
import { editable } from "./row.ts";
import { controls } from "./theme.ts";

@element("structstore-text-dialog")
export class TextDialog extends LitElement {
  static override styles = [
    controls,
    dialogStyles,
    css`
      textarea {
        display: block;
        width: calc(100% - 28px);
        height: 320px;
        max-height: 60vh;
        margin: 0 14px;
        padding: 8px;
        font-family: ui-monospace, "SF Mono", Consolas, monospace;
        font-size: 12px;
        resize: vertical;
      }
    `,
  ];

  @property({ attribute: false }) connection!: Connection;
  @property({ attribute: false }) edits!: Edits;
  @state() private row: Row | null = null;
  @query("dialog") private dialog!: HTMLDialogElement;
  @query("textarea") private area!: HTMLTextAreaElement;
  #was = "";
  /** The same as the text area has it, with line breaks of its own. */
  #shown = "";

  async open(row: Row): Promise<void> {
    const { path } = row;
    this.#was = row.text;
    if (row.cut) {
      const answer = await this.connection.ask({ type: "read", path, as: "text" });
      if (answer.type === "refused")
        this.edits.report({ path, kind: row.kind, error: answer.error, value: "" });
      if (answer.type !== "text") return;
      this.#was = answer.text;
    }
    this.row = row;
    await this.updateComplete;
    this.area.value = this.#was;
    this.#shown = this.area.value;
    this.dialog.showModal();
    this.area.focus();
  }

  override render() {
    const write = this.row !== null && editable(this.row);
    return html`<dialog @keydown=${this.#press}>
      <header>
        <h2>${this.row?.path}</h2>
        <button class="icon" title="Close" @click=${this.#close}>${icons.close}</button>
      </header>
      <textarea ?readonly=${!write} spellcheck="false" aria-label=${this.row?.path ?? "String"}></textarea>
      <footer>
        <button @click=${this.#close}>${write ? "Cancel" : "Close"}</button>
        ${write ? html`<button class="primary" title="Ctrl+Enter" @click=${this.#assign}>Assign</button>` : nothing}
      </footer>
    </dialog>`;
  }

  #close(): void {
    this.dialog.close();
  }

  #assign(): void {
    this.#close();
    const { value } = this.area;
    if (!this.row || value === this.#shown) return;
    const breaks = this.#was.includes("\r\n") ? "\r\n" : "\n";
    this.edits.set(this.row, value.replaceAll("\n", breaks), this.#was);
  }

  #press(event: KeyboardEvent): void {
    event.stopPropagation();
    if (event.key === "Enter" && event.ctrlKey && this.row && editable(this.row)) this.#assign();
  }
}
