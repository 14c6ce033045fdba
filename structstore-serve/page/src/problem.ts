// Why a value was refused, and what can be done about it.
import { css, html } from "lit";
import type { Edits, Problem } from "./edits.ts";
import { icons } from "./icons.ts";

export const problemStyles = css`
  .problem {
    position: absolute;
    top: calc(100% - 1px);
    right: 10px;
    max-width: calc(100% - 24px);
    display: flex;
    align-items: center;
    gap: 8px;
    padding: 4px 6px 4px 10px;
    border: 1px solid var(--error);
    border-radius: 6px;
    background: var(--error-back);
    color: var(--error);
    font-size: 12px;
    box-shadow: 0 3px 12px var(--shadow);
    white-space: normal;
  }
  .problem button {
    color: var(--text);
    flex: none;
  }
`;

export function renderProblem(problem: Problem, edits: Edits) {
  const { error, now, path } = problem;
  const keep = () => edits.forget(path);
  if (now === undefined)
    return html`<span class="problem" role="alert">
      ${error}<button class="icon small" tabindex="-1" title="Close" @click=${keep}>${icons.close}</button>
    </span>`;
  return html`<span class="problem" role="alert" title=${error}>
    changed elsewhere: now ${now}
    <button class="small" @click=${() => edits.overwrite(problem)}>Overwrite</button>
    <button class="small" @click=${keep}>Keep</button>
  </span>`;
}
