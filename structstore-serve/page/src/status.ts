// The status line: whether the page is connected, and what it may change.
import { css, html, nothing } from "lit";
import type { Connection } from "./connection.ts";

export const statusStyles = css`
  .status {
    flex: none;
    display: flex;
    align-items: center;
    gap: 8px;
    height: 24px;
    padding: 0 12px;
    border-top: 1px solid var(--line);
    color: var(--soft);
    font-size: 12px;
    white-space: nowrap;
  }
  .status > span {
    overflow: hidden;
    text-overflow: ellipsis;
  }
  .status b {
    flex: none;
    font-weight: 500;
    color: var(--text);
  }
  .status::before {
    content: "";
    flex: none;
    width: 8px;
    height: 8px;
    border-radius: 50%;
    background: var(--warn);
  }
  .status.live::before {
    background: var(--good);
  }
  .status.gone::before,
  .status.stopped::before,
  .status.forbidden::before {
    background: var(--error);
  }
  .status .grow {
    flex: 1;
  }
`;

export function renderStatus({ hello, reason, status }: Connection, embedded: boolean) {
  const [title, text] = {
    connecting: ["Connecting…", ""],
    open: ["Connecting…", ""],
    live: ["Connected", ""],
    gone: ["The store is gone", reason],
    stopped: ["The viewer has stopped", "waiting for it to start again"],
    forbidden: ["Not allowed", "open the address with its token again, as structstore serve prints it"],
  }[status];
  return html`<div class="status ${status}" role="status">
    <b>${title}</b><span>${text}</span>
    <span class="grow"></span>
    ${status === "live" && hello ? html`<span class="rest">${hello.timeline ? "a recording" : rights(hello.writable, embedded ? "widget(store, writable=[PATH])" : `structstore serve ${hello.store} --write PATH`)}</span>` : nothing}
  </div>`;
}

function rights(writable: string[], how: string): string {
  if (writable.length === 0) return `read-only; ${how} allows edits`;
  return `writes ${writable.map((path) => path || "everything").join(", ")}`;
}
