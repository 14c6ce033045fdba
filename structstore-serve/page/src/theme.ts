// The theme: colors, light or dark, and the looks of buttons and inputs.
import { css } from "lit";
import { Signal } from "./signal.ts";
import * as storage from "./storage.ts";

export type Choice = "auto" | "light" | "dark";

class Theme {
  readonly changed = new Signal();
  choice: Choice = (storage.get("theme") as Choice | null) ?? "auto";
  #system = matchMedia("(prefers-color-scheme: dark)");

  constructor() {
    this.#system.addEventListener("change", () => this.changed.emit());
  }

  get dark(): boolean {
    if (this.choice !== "auto") return this.choice === "dark";
    // JupyterLab says which theme it shows.
    const { jpThemeLight } = document.body.dataset;
    return jpThemeLight ? jpThemeLight === "false" : this.#system.matches;
  }

  choose(choice: Choice): void {
    this.choice = choice;
    storage.set("theme", choice);
    this.changed.emit();
  }

  /** Makes an element and all in it light or dark. */
  apply(target: HTMLElement): void {
    target.style.colorScheme = this.dark ? "dark" : "light";
  }
}

export const theme = new Theme();

export const tokens = css`
  :host {
    --back: light-dark(#ffffff, #16191d);
    --surface: light-dark(#f6f7f9, #1c2025);
    --raised: light-dark(#ffffff, #22272d);
    --hover: light-dark(#f0f3f6, #20252b);
    --line: light-dark(#e2e6ea, #2c3238);
    --edge: light-dark(#c9d0d7, #424a53);
    --text: light-dark(#1d232a, #dde2e8);
    --soft: light-dark(#5a646f, #97a1ac);
    --faint: light-dark(#69737e, #838d98);
    --accent: light-dark(#1b62b8, #74adf5);
    --on-accent: light-dark(#ffffff, #10151b);
    --selected: light-dark(#e4eefb, #223248);
    --flash: light-dark(#fff1c4, #463b1a);
    --good: light-dark(#1a7f4b, #4cc38a);
    --warn: light-dark(#9a5b00, #e5b454);
    --error: light-dark(#b3261e, #ff9089);
    --error-back: light-dark(#fdf0ef, #3a2220);
    --shadow: light-dark(rgb(20 30 40 / 0.16), rgb(0 0 0 / 0.55));
    color: var(--text);
    background: var(--back);
    font: 13px / 1.4 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif;
    font-variant-numeric: tabular-nums;
    -webkit-text-size-adjust: 100%;
  }
`;

export const controls = css`
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  button,
  input,
  select,
  textarea {
    font: inherit;
    font-variant-numeric: tabular-nums;
    color: inherit;
    margin: 0;
  }
  button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 5px;
    height: 26px;
    padding: 0 9px;
    border: 1px solid var(--edge);
    border-radius: 5px;
    background: var(--raised);
    cursor: pointer;
    white-space: nowrap;
  }
  button:hover:not(:disabled) {
    background: var(--hover);
  }
  button:disabled {
    opacity: 0.4;
    cursor: default;
  }
  button.icon {
    width: 26px;
    padding: 0;
    border-color: transparent;
    background: none;
    color: var(--soft);
  }
  button.icon:hover:not(:disabled) {
    color: var(--text);
    background: var(--hover);
  }
  button.small {
    height: 20px;
    padding: 0 6px;
    font-size: 12px;
  }
  button.icon.small {
    width: 20px;
    padding: 0;
  }
  button.primary {
    background: var(--accent);
    border-color: var(--accent);
    color: var(--on-accent);
  }
  button.primary:hover:not(:disabled) {
    background: var(--accent);
    filter: brightness(1.08);
  }
  button[aria-pressed="true"],
  button[aria-selected="true"] {
    background: var(--selected);
    color: var(--accent);
  }
  input:not([type="range"], [type="checkbox"]),
  select,
  textarea {
    border: 1px solid var(--edge);
    border-radius: 4px;
    background: var(--raised);
    padding: 0 6px;
    height: 24px;
    min-width: 0;
  }
  ::placeholder {
    color: var(--faint);
    opacity: 1;
  }
  :focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: -1px;
  }
  svg {
    display: block;
    flex: none;
  }
  [hidden] {
    display: none !important;
  }
`;
