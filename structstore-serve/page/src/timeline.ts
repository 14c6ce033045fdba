// The time line of a recording: play, pause, speed, and a slider to go anywhere.
import { css, html, LitElement } from "lit";
import { property, state } from "lit/decorators.js";
import type { Connection } from "./connection.ts";
import { element } from "./element.ts";
import { icons } from "./icons.ts";
import type { Control, Moment } from "./message.ts";
import { controls } from "./theme.ts";

const speeds = [0.1, 0.25, 0.5, 1, 2, 5, 10];
/** How long to wait before another place is asked for while the slider moves, in milliseconds. */
const pause = 60;

@element("structstore-timeline")
export class Timeline extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        flex: none;
        display: flex;
        align-items: center;
        gap: 8px;
        height: 36px;
        padding: 0 12px 0 8px;
        border-top: 1px solid var(--line);
      }
      .track {
        position: relative;
        flex: 1;
        min-width: 60px;
      }
      input {
        display: block;
        width: 100%;
        accent-color: var(--accent);
      }
      .mark {
        position: absolute;
        top: -1px;
        width: 9px;
        height: 5px;
        margin-left: -4px;
        padding: 0;
        border: 0;
        border-radius: 0;
        background: var(--warn);
        clip-path: polygon(0 0, 100% 0, 50% 100%);
        cursor: pointer;
      }
      .time {
        flex: none;
        color: var(--soft);
        font-size: 12px;
      }
      select {
        height: 24px;
        padding: 0 4px;
        font-size: 12px;
      }
    `,
  ];

  @property({ attribute: false }) connection!: Connection;
  @state() private moment: Moment = { time: 0, playing: false, speed: 1 };
  /** Where the slider is while somebody moves it. */
  @state() private dragged: number | null = null;
  #timer = 0;
  #end = () => {};

  override connectedCallback(): void {
    super.connectedCallback();
    this.#end = this.connection.moved.on((moment) => {
      this.moment = moment;
    });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
    this.#end();
  }

  override render() {
    const { duration = 0, marks = [] } = this.connection.hello?.timeline ?? {};
    const { playing, speed } = this.moment;
    const time = this.dragged ?? this.moment.time;
    const label = playing ? "Pause" : "Play";
    return html`
      <button class="icon" title=${label} aria-label=${label} @click=${() => this.#control({ play: !playing })}>
        ${playing ? icons.pause : icons.play}
      </button>
      <span class="track">
        <input
          type="range"
          min="0"
          max=${duration}
          step=${duration / 1000 || 1}
          aria-label="Time"
          aria-valuetext=${formatTime(time)}
          .value=${String(time)}
          @input=${this.#drag}
          @change=${this.#drop}
        />
        ${marks.map(
          ([at, text]) =>
            html`<button
              class="mark"
              .style=${`left: calc(8px + (100% - 16px) * ${duration ? at / duration : 0})`}
              title="${formatTime(at)} ${text}"
              aria-label="${text}, ${formatTime(at)}"
              @click=${() => this.#control({ seek: at })}
            ></button>`,
        )}
      </span>
      <span class="time">${formatTime(time)} / ${formatTime(duration)}</span>
      <select aria-label="Speed" @change=${this.#changeSpeed}>
        ${speeds.map((choice) => html`<option value=${choice} ?selected=${choice === speed}>${choice}×</option>`)}
      </select>
    `;
  }

  #control(control: Control): void {
    this.connection.control(control);
  }

  #drag(event: Event): void {
    this.dragged = Number((event.target as HTMLInputElement).value);
    this.#timer ||= setTimeout(() => this.#seek(), pause);
  }

  #drop(): void {
    clearTimeout(this.#timer);
    this.#seek();
    this.dragged = null;
  }

  #seek(): void {
    this.#timer = 0;
    if (this.dragged === null) return;
    this.moment = { ...this.moment, time: this.dragged };
    this.#control({ seek: this.dragged });
  }

  #changeSpeed(event: Event): void {
    this.#control({ speed: Number((event.target as HTMLSelectElement).value) });
  }
}

/** Seconds as minutes, seconds and tenths. */
export function formatTime(seconds: number): string {
  const tenths = Math.round(seconds * 10);
  const minutes = Math.floor(tenths / 600);
  const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
  const hours = Math.floor(minutes / 60);
  return hours > 0 ? `${hours}:${String(minutes % 60).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
