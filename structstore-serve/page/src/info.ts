// The memory, processes and locks of the store.
import { css, html, nothing } from "lit";
import { state } from "lit/decorators.js";
import { element } from "./element.ts";
import type { InfoSpec } from "./layout.ts";
import type { Info as InfoMessage, Lock, PanelMessage } from "./message.ts";
import { controls } from "./theme.ts";
import { formatSize } from "./value.ts";
import { type Request, View, viewStyles } from "./view.ts";

@element("structstore-info")
export class Info extends View<InfoSpec> {
  static override styles = [
    controls,
    viewStyles,
    css`
      .body {
        overflow: auto;
        padding: 6px 12px 10px;
      }
      .bar {
        display: flex;
        height: 8px;
        margin: 6px 0;
        border-radius: 4px;
        background: var(--line);
        overflow: hidden;
      }
      .bar i {
        background: var(--accent);
      }
      p {
        margin: 4px 0;
      }
      .soft,
      th {
        color: var(--soft);
        font-weight: 400;
      }
      table {
        width: 100%;
        margin-top: 10px;
        border-collapse: collapse;
      }
      th,
      td {
        padding: 3px 12px 3px 0;
        border-bottom: 1px solid var(--line);
        text-align: left;
        overflow-wrap: anywhere;
      }
      th {
        font-size: 12px;
        white-space: nowrap;
      }
      .number {
        text-align: right;
        width: 1%;
        white-space: nowrap;
      }
      td.soft {
        width: 1%;
        padding-right: 0;
        white-space: nowrap;
      }
      .dead {
        color: var(--error);
      }
    `,
  ];

  @state() private newest: InfoMessage | null = null;

  protected override request(): Request {
    return { type: "info" };
  }

  protected override receive(message: PanelMessage): void {
    if (message.type === "info") this.newest = message;
  }

  override render() {
    return html`<div class="body">${this.newest ? this.#renderInfo(this.newest) : nothing}${this.renderMissing()}</div>`;
  }

  #renderInfo(info: InfoMessage) {
    const { allocated, blocks, lifetime, max_size: max, nodes, recoveries, size, watchers } = info;
    const part = size > 0 ? (100 * allocated) / size : 0;
    return html`
      <div>
        ${formatSize(allocated)} <span class="soft">allocated of</span> ${formatSize(size)}
        <span class="soft">(grows to ${formatSize(max)})</span>
      </div>
      <div class="bar" role="img" aria-label="Memory">
        <i .style=${`width: ${part}%`}></i>
      </div>
      <p class="soft">
        ${lifetime ? `${lifetime} · ` : ""}${blocks} blocks · ${nodes} nodes · ${watchers} ${watchers === 1 ? "watcher" : "watchers"} ·
        ${recoveries} ${recoveries === 1 ? "recovery" : "recoveries"}
      </p>
      <table ?hidden=${info.processes.length === 0}>
        <tr>
          <th class="number">Process</th>
          <th>Program</th>
          <th class="number">Threads</th>
          <th></th>
        </tr>
        ${info.processes.map(
          ({ alive, observes, pid, program, threads }) => html`<tr class=${alive === false ? "dead" : ""}>
            <td class="number">${pid}</td>
            <td>${program}</td>
            <td class="number">${threads ?? ""}</td>
            <td class="soft">${alive === false ? "dead" : observes ? "observes" : ""}</td>
          </tr>`,
        )}
      </table>
      ${info.locks.length ? this.#renderLocks(info.locks) : html`<p class="soft">No locks are held.</p>`}
    `;
  }

  #renderLocks(locks: Lock[]) {
    return html`<table>
      <tr>
        <th>Lock</th>
        <th>Mode</th>
        <th class="number">Process</th>
        <th class="number">Thread</th>
        <th></th>
      </tr>
      ${locks.map(
        ({ awaited, granted, mode, path, pid, thread }) => html`<tr>
          <td>${path || "(root)"}</td>
          <td>${mode}</td>
          <td class="number">${pid}</td>
          <td class="number">${thread}</td>
          <td class="soft">${granted ? (awaited ? "held, awaited" : "held") : "waits"}</td>
        </tr>`,
      )}
    </table>`;
  }
}
