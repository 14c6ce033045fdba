// The editor of a value, as its kind and its limits ask for.
import { css, html, LitElement, nothing } from "lit";
import { property, query, state } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import type { Edits } from "./edits.ts";
import { element, emit } from "./element.ts";
import type { Gesture } from "./gesture.ts";
import type { Row } from "./message.ts";
import { controls } from "./theme.ts";
import { isFloat, isNumber, parseValue, Scale, sameValue, shorten, stepped } from "./value.ts";

@element("structstore-editor")
export class Editor extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: flex;
        align-items: center;
        justify-content: flex-end;
        gap: 8px;
        min-width: 0;
        width: 100%;
      }
      input.text,
      select,
      button.text {
        height: calc(var(--row) - 4px);
        border-color: var(--line);
        background: var(--back);
        text-overflow: ellipsis;
      }
      input.text:hover,
      select:hover,
      button.text:hover {
        border-color: var(--edge);
      }
      input.text,
      select {
        width: 100%;
      }
      select {
        padding-left: 2px;
      }
      input.number {
        width: var(--number);
        flex: none;
        text-align: right;
      }
      input.wide {
        width: min(100%, 172px);
      }
      input[aria-invalid="true"] {
        border-color: var(--error);
        outline-color: var(--error);
      }
      button.text {
        width: 100%;
        justify-content: flex-start;
        overflow: hidden;
        padding: 0 6px;
        border-radius: 4px;
      }
      .slider {
        flex: 1;
        min-width: 0;
        width: 0;
        height: 18px;
        margin: 0;
        accent-color: var(--accent);
        touch-action: pan-y;
        cursor: pointer;
        appearance: none;
        background: none;
      }
      .slider::-webkit-slider-runnable-track {
        height: 3px;
        border-radius: 2px;
        background: linear-gradient(
          to right,
          var(--accent) calc(var(--part) * (100% - 12px) + 6px),
          var(--edge) calc(var(--part) * (100% - 12px) + 6px)
        );
      }
      .slider::-webkit-slider-thumb {
        appearance: none;
        width: 12px;
        height: 12px;
        margin-top: -4.5px;
        border-radius: 50%;
        background: var(--raised);
        border: 2px solid var(--accent);
      }
      .slider::-moz-range-track {
        height: 3px;
        border-radius: 2px;
        background: var(--edge);
      }
      .slider::-moz-range-progress {
        height: 3px;
        border-radius: 2px;
        background: var(--accent);
      }
      .slider::-moz-range-thumb {
        width: 8px;
        height: 8px;
        border-radius: 50%;
        background: var(--raised);
        border: 2px solid var(--accent);
      }
      .switch {
        appearance: none;
        flex: none;
        position: relative;
        width: 28px;
        height: 16px;
        border-radius: 8px;
        background: var(--edge);
        cursor: pointer;
        transition: background 0.12s;
      }
      .switch::after {
        content: "";
        position: absolute;
        top: 2px;
        left: 2px;
        width: 12px;
        height: 12px;
        border-radius: 50%;
        background: #fff;
        transition: transform 0.12s;
      }
      .switch:checked {
        background: var(--accent);
      }
      .switch:checked::after {
        transform: translateX(12px);
      }
      :host(.changed0) {
        --changed: flash0;
      }
      :host(.changed1) {
        --changed: flash1;
      }
      .text,
      select {
        animation: var(--changed, none) 0.9s ease-out;
      }
      @keyframes flash0 {
        from {
          background-color: var(--flash);
        }
      }
      @keyframes flash1 {
        from {
          background-color: var(--flash);
        }
      }
      @media (prefers-reduced-motion: reduce) {
        .text,
        select,
        .switch,
        .switch::after {
          animation: none;
          transition: none;
        }
      }
    `,
  ];

  @property({ attribute: false }) row!: Row;
  @property({ attribute: false }) edits!: Edits;
  /** What is typed or dragged, until it is assigned. */
  @state() private draft: string | null = null;
  @query(".text, .switch, select") private main?: HTMLElement;
  #was = "";
  #gesture: Gesture | null = null;
  #held = false;

  /** Begins to edit by keyboard. */
  activate(): void {
    if (this.row.kind === "bool") this.toggle();
    else if (this.main instanceof HTMLButtonElement) this.main.click();
    else {
      this.main?.focus();
      if (this.main instanceof HTMLInputElement) this.main.select();
    }
  }

  toggle(): void {
    this.#assign((this.draft ?? this.row.text) === "true" ? "false" : "true");
  }

  override render() {
    const { kind, meta } = this.row;
    if (kind === "bool") return this.#switch();
    if (meta?.choices?.length) return this.#choices(meta.choices.map(String));
    if (isNumber(kind))
      return html`${this.#slider()}${this.#input(this.row.text.length > 12 && !isFloat(kind) ? "text number wide" : "text number", "decimal")}`;
    if (this.row.cut || this.row.text.includes("\n")) return this.#long();
    return this.#input("text", "text");
  }

  #switch() {
    const { name, text } = this.row;
    const on = (this.draft ?? text) === "true";
    return html`<input
      class="switch"
      type="checkbox"
      role="switch"
      tabindex="-1"
      aria-label=${name}
      .checked=${live(on)}
      @change=${this.toggle}
      @keydown=${this.#leave}
    />`;
  }

  #choices(choices: string[]) {
    const { kind, name, text } = this.row;
    const at = choices.findIndex((choice) => sameValue(kind, choice, this.draft ?? text));
    return html`<select
      tabindex="-1"
      aria-label=${name}
      @change=${(event: Event) => this.#assign((event.target as HTMLSelectElement).value)}
      @keydown=${this.#leave}
    >
      ${at < 0 ? html`<option value=${text} .selected=${live(true)}>${text}</option>` : nothing}
      ${choices.map(
        (choice, index) => html`<option value=${choice} .selected=${live(index === at)}>${choice}</option>`,
      )}
    </select>`;
  }

  #slider() {
    const { kind, meta, name, text } = this.row;
    const scale = Scale.of(kind, meta);
    if (!scale) return nothing;
    const position = scale.positionOf(this.draft ?? text);
    return html`<input
      class="slider"
      type="range"
      tabindex="-1"
      aria-label=${name}
      min="0"
      max=${scale.count}
      .value=${live(String(position))}
      .style=${`--part: ${scale.count ? position / scale.count : 0}`}
      @input=${(event: Event) => this.#move(scale.textAt(Number((event.target as HTMLInputElement).value)))}
      @change=${this.#end}
      @keydown=${this.#leave}
    />`;
  }

  #input(classes: string, mode: "decimal" | "text") {
    const { kind, name, text } = this.row;
    const shown = this.draft ?? (isFloat(kind) ? shorten(text) : text);
    const invalid = this.draft !== null && parseValue(kind, this.draft) === null;
    return html`<input
      class=${classes}
      type="text"
      inputmode=${mode}
      tabindex="-1"
      autocomplete="off"
      spellcheck="false"
      aria-label=${name}
      aria-invalid=${invalid}
      title=${shown === text ? nothing : text}
      .value=${live(shown)}
      @focus=${this.#begin}
      @input=${(event: Event) => {
        this.draft = (event.target as HTMLInputElement).value;
      }}
      @blur=${this.#commit}
      @keydown=${this.#press}
      @keyup=${this.#release}
    />`;
  }

  #long() {
    const { text } = this.row;
    return html`<button class="text" tabindex="-1" title="Edit the string" @click=${() => this.editText()}>
      ${text.replaceAll("\n", " ⏎ ")}${this.row.cut ? "…" : ""}
    </button>`;
  }

  /** Opens the string in a dialog. */
  editText(): void {
    emit(this, "edit-text", this.row);
  }

  #begin(): void {
    this.#was = this.row.text;
    this.draft = this.row.text;
  }

  /** Assigns what is typed, unless it is what was there or cannot be read. */
  #commit(): void {
    const typed = this.draft;
    if (this.#gesture || typed === null) {
      this.#end();
      return;
    }
    const { kind } = this.row;
    const value = parseValue(kind, typed);
    this.draft = null;
    if (value !== null && !sameValue(kind, value, this.#was)) this.edits.set(this.row, value, this.#was);
  }

  #assign(value: string): void {
    this.#move(value);
    this.#end();
  }

  #move(value: string): void {
    this.#gesture ??= this.edits.begin(this.row, this.row.text);
    this.#held = true;
    this.draft = value;
    this.#gesture.move(value);
  }

  /** Ends the gesture, unless it goes on before its last value is assigned. */
  async #end(): Promise<void> {
    const gesture = this.#gesture;
    this.#held = false;
    if (!gesture) return;
    await gesture.settled();
    if (this.#held || this.#gesture !== gesture) return;
    this.#gesture = null;
    this.edits.end(this.row, gesture);
    this.#was = gesture.was;
    this.draft = this.renderRoot.querySelector(".text:focus") ? gesture.was : null;
  }

  #press(event: KeyboardEvent): void {
    const { kind, meta } = this.row;
    const move = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (move && isNumber(kind)) {
      event.preventDefault();
      const value = parseValue(kind, this.draft ?? "");
      if (value !== null) this.#move(stepped(kind, value, event.shiftKey ? 10 * move : move, meta));
    }
    if (event.key === "Enter") {
      event.preventDefault();
      if (parseValue(kind, this.draft ?? "") === null) return;
      this.#commit();
      emit(this, "leave", undefined);
    }
    this.#leave(event);
  }

  #release(event: KeyboardEvent): void {
    if (event.key === "ArrowUp" || event.key === "ArrowDown") this.#end();
  }

  /** Keeps keys from the tree; Escape drops what is typed. */
  #leave(event: KeyboardEvent): void {
    const keep =
      event.ctrlKey || event.metaKey ? this.draft !== null && this.draft !== this.#was : event.key !== "Tab";
    if (keep) event.stopPropagation();
    else if (event.key.toLowerCase() === "z") this.#drop();
    if (event.key !== "Escape") return;
    this.edits.forget(this.row.path);
    this.#drop();
  }

  /** Goes back to the tree without what is typed. */
  #drop(): void {
    this.draft = null;
    emit(this, "leave", undefined);
  }
}
