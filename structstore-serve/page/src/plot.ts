// A plot of values over time.
import { css, html, nothing } from "lit";
import { state } from "lit/decorators.js";
import uPlot from "uplot";
import { axis, chartStyles, valueAxis } from "./chart.ts";
import { lineColor } from "./colors.ts";
import { element } from "./element.ts";
import { icons } from "./icons.ts";
import type { PlotLine, PlotSpec } from "./layout.ts";
import type { PanelMessage } from "./message.ts";
import { maxLines } from "./offers.ts";
import { Points } from "./points.ts";
import { controls, theme } from "./theme.ts";
import { formatNumber } from "./value.ts";
import { type Request, View, viewStyles } from "./view.ts";

const spans: [number, string][] = [
  [5, "5 s"],
  [10, "10 s"],
  [30, "30 s"],
  [60, "1 min"],
  [300, "5 min"],
  [1800, "30 min"],
];

/** What has come of a line. */
type Data = { points: Points; sampled: boolean; missing: string };

export const lineName = ({ path, column }: PlotLine) => (column ? `${path} · ${column}` : path);
const lineKey = (line: PlotLine) => JSON.stringify([line.path, line.column]);

@element("structstore-plot")
export class Plot extends View<PlotSpec> {
  static override styles = [
    controls,
    viewStyles,
    ...chartStyles,
    css`
      .legend {
        flex: none;
        display: flex;
        flex-wrap: wrap;
        gap: 0 18px;
        max-height: 40%;
        margin: 0;
        padding: 4px 10px 2px;
        overflow: auto;
        list-style: none;
        font-size: 12px;
      }
      .legend li {
        display: flex;
        align-items: center;
        gap: 6px;
        height: 22px;
        min-width: 0;
        max-width: 100%;
      }
      .legend i {
        flex: none;
        width: 10px;
        height: 3px;
        border-radius: 2px;
      }
      .legend .label {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .legend output {
        flex: none;
        min-width: 74px;
        text-align: right;
        font-weight: 600;
      }
      .legend .how,
      .legend .unit {
        flex: none;
        color: var(--faint);
      }
      .legend .error {
        color: var(--error);
      }
      .legend button {
        opacity: 0;
      }
      .legend li:hover button,
      .legend button:focus-visible {
        opacity: 1;
      }
      @media (pointer: coarse) {
        .legend button {
          opacity: 1;
        }
      }
      .spans {
        display: flex;
      }
      .spans button {
        border-radius: 0;
        margin-left: -1px;
      }
      .spans button:first-child {
        border-radius: 5px 0 0 5px;
      }
      .spans button:last-child {
        border-radius: 0 5px 5px 0;
      }
      .foot button {
        color: var(--soft);
        border-color: var(--line);
        background: none;
      }
      .foot button[aria-pressed="true"] {
        color: var(--accent);
        background: var(--selected);
      }
    `,
  ];

  /** The window that is held, if it does not follow the newest points. */
  @state() private held: { from: number; span: number } | null = null;
  #data: Data[] = [];
  #chart: uPlot | null = null;
  #shape = "";
  #now = 0;
  #drawn = 0;
  #under: number | null = null;
  #ends: (() => void)[] = [];

  /** The points of each line. */
  get points(): { times: Float64Array; values: Float64Array }[] {
    return this.#data.map(({ points: { times, values } }) => ({ times, values }));
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#ends = [
      this.connection.turned.on((time) => this.#turn(time)),
      every(250, () => this.#goOn()),
      theme.changed.on(() => this.requestUpdate()),
    ];
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const end of this.#ends) end();
    this.#chart?.destroy();
    this.#chart = null;
    this.#shape = "";
  }

  protected override request(): Request | null {
    if (!this.size || this.spec.lines.length === 0) return null;
    const { lines, rate, span } = this.spec;
    return {
      type: "plot",
      lines: lines.map(({ path, column }) => (column === undefined ? { path } : { path, column })),
      from: this.held?.from ?? null,
      span: this.held?.span ?? span,
      width: Math.max(50, Math.round((this.size.width - 60) * devicePixelRatio)),
      rate,
    };
  }

  protected override receive(message: PanelMessage): void {
    if (message.type === "missing" && message.line != null) {
      const data = this.#data[message.line];
      if (data) data.missing = message.error;
    }
    if (message.type !== "series") return;
    const data = this.#data[message.line];
    if (!data) return;
    data.missing = "";
    data.sampled = message.sampled;
    data.points.replace(message.after, message.times, message.values);
  }

  override willUpdate(changed: Map<string, unknown>): void {
    if (changed.has("spec")) this.#matchData(changed.get("spec") as PlotSpec | undefined);
  }

  /** Lines keep their points when others come or go. */
  #matchData(before: PlotSpec | undefined): void {
    const old = new Map(before?.lines.map((line, at) => [lineKey(line), this.#data[at]]));
    this.#data = this.spec.lines.map(
      (line) =>
        old.get(lineKey(line)) ?? { points: new Points(), sampled: line.kind !== "stream", missing: "" },
    );
  }

  override updated(changed: Map<string, unknown>): void {
    super.updated(changed);
    if (!this.size) return;
    const shape = JSON.stringify([this.spec.lines, theme.dark]);
    if (shape !== this.#shape) {
      this.#shape = shape;
      this.#build();
    }
    const { width, height } = this.size;
    if (this.#chart && (this.#chart.width !== width || this.#chart.height !== height))
      this.#chart.setSize({ width, height });
    this.#draw();
  }

  override render() {
    const { lines, span } = this.spec;
    return html`
      <ul class="legend">
        ${lines.map((line, at) => this.#renderLine(line, at))}
      </ul>
      <div class="body">
        <div class="chart" @dblclick=${this.#follow}></div>
        ${lines.length ? this.renderMissing() : html`<div class="missing">Drop fields here.</div>`}
      </div>
      <div class="foot">
        <span class="spans" role="group" aria-label="Time span">
          ${spans.map(
            ([seconds, label]) => html`<button
              class="small"
              aria-pressed=${seconds === span && !this.held}
              @click=${() => this.#setSpan(seconds)}
            >
              ${label}
            </button>`,
          )}
        </span>
        <button
          class="small"
          aria-pressed=${this.held !== null}
          title=${this.held ? "Follow the newest points" : "Hold what is shown"}
          @click=${this.held ? this.#follow : this.#hold}
        >
          ${this.held ? html`${icons.play} Live` : html`${icons.pause} Pause`}
        </button>
        <span class="grow"></span>
        ${this.#data.some(({ sampled }) => sampled) ? this.#renderRate() : nothing}
      </div>
    `;
  }

  #renderLine(line: PlotLine, at: number) {
    const { missing, sampled } = this.#data[at]!;
    return html`<li>
      <i .style=${`background: ${lineColor(at, theme.dark)}`}></i>
      <span class="label" title=${lineName(line)}>${lineName(line)}</span>
      ${
        missing
          ? html`<span class="error">${missing}</span>`
          : html`<output>${this.#valueOf(at)}</output>
              <span class="unit">${line.unit ?? ""}</span>
              <span class="how">${sampled ? `sampled ${this.spec.rate} Hz` : "complete"}</span>`
      }
      <button class="icon small" title="Remove the line" @click=${() => this.#remove(at)}>${icons.close}</button>
    </li>`;
  }

  #renderRate() {
    return html`<label title="How often fields that are no streams are sampled">
      Sampling
      <select @change=${(event: Event) => this.change({ rate: Number((event.target as HTMLSelectElement).value) })}>
        ${[...new Set([10, 100, 1000, this.spec.rate])].map(
          (rate) => html`<option value=${rate} ?selected=${rate === this.spec.rate}>${rate} Hz</option>`,
        )}
      </select>
    </label>`;
  }

  /** Adds lines that are not there yet. */
  add(lines: PlotLine[]): void {
    const known = new Set(this.spec.lines.map(lineKey));
    const all = [...this.spec.lines, ...lines.filter((line) => !known.has(lineKey(line)))];
    this.change({ lines: all.slice(0, maxLines) });
  }

  #remove(at: number): void {
    this.change({ lines: this.spec.lines.filter((_, other) => other !== at) });
  }

  #setSpan(span: number): void {
    this.held = null;
    this.change({ span });
  }

  #hold(): void {
    this.held = { from: this.#now - this.spec.span, span: this.spec.span };
  }

  #follow(): void {
    this.held = null;
  }

  /** The window that is shown, in seconds. */
  get #window(): [number, number] {
    if (this.held) return [this.held.from, this.held.from + this.held.span];
    return [this.#now - this.spec.span, this.#now];
  }

  /** The value of a line under the pointer, or its newest. */
  #valueOf(at: number): string {
    const { points } = this.#data[at]!;
    const value = points.values[points.at(this.#under ?? this.#window[1])];
    return value === undefined ? "–" : formatNumber(value);
  }

  /** Without turns, time goes on by the clock here. */
  #goOn(): void {
    const late = (performance.now() - this.#drawn) / 1000;
    if (late > 0.25 && this.#now > 0 && this.connection.live) this.#turn(this.#now + late);
  }

  #turn(time: number): void {
    this.#now = time;
    this.#drawn = performance.now();
    if (!this.held) for (const { points } of this.#data) points.drop(time - this.spec.span);
    this.requestUpdate();
  }

  #draw(): void {
    if (!this.#chart || this.#now === 0) return;
    const [min, max] = this.#window;
    this.#chart.batch(() => {
      this.#chart?.setData(this.#table(), false);
      this.#chart?.setScale("x", { min, max });
    });
  }

  /** The points of all lines by common times. */
  #table(): uPlot.AlignedData {
    const tables = this.#data.map(({ points }): uPlot.AlignedData => {
      const values = Array.from(points.values, (value) => (Number.isFinite(value) ? value : null));
      return [points.times, values];
    });
    if (tables.length === 1) return tables[0]!;
    return tables.length ? uPlot.join(tables) : [[]];
  }

  #build(): void {
    this.#chart?.destroy();
    this.#chart = null;
    const target = this.renderRoot.querySelector<HTMLElement>(".chart");
    if (!this.size || !target || this.spec.lines.length === 0) return;
    const { lines } = this.spec;
    const units = [...new Set(lines.map(({ unit }) => unit ?? ""))];
    const separate = units.length === 2;
    const scaleOf = (unit = "") => (separate && unit === units[1] ? "y2" : "y");
    const side = (scale: string, unit: string, at: number) =>
      valueAxis({
        scale,
        side: at ? 1 : 3,
        ...(unit && { label: unit }),
        ...(at && { grid: { show: false } }),
      });
    const named = separate ? units : [units.length === 1 ? units[0]! : ""];
    this.#chart = new uPlot(
      {
        ...this.size,
        pxAlign: 0,
        legend: { show: false },
        padding: [8, separate ? 0 : 12, 0, 0],
        scales: { x: { time: true, auto: false }, y: { range }, ...(separate && { y2: { range } }) },
        series: [
          {},
          ...lines.map((line, at) => ({
            scale: scaleOf(line.unit),
            stroke: lineColor(at, theme.dark),
            width: 1.5,
            points: { show: false },
            ...(line.kind === "bool" && { paths: uPlot.paths.stepped!({ align: 1 }) }),
          })),
        ],
        axes: [
          axis({ space: 70, size: 34, values: times }),
          ...named.map((unit, at) => side(at ? "y2" : "y", unit, at)),
        ],
        cursor: {
          drag: { x: true, y: false, setScale: false },
          points: { size: 6 },
          dataIdx: (chart, series, index) => defined(chart, series, index),
          bind: { dblclick: () => null },
        },
        hooks: {
          setSelect: [(chart) => this.#zoom(chart)],
          setCursor: [(chart) => this.#point(chart)],
        },
      },
      this.#table(),
      target,
    );
  }

  #zoom(chart: uPlot): void {
    const { left, width } = chart.select;
    if (width < 4) return;
    const [from, to] = [chart.posToVal(left, "x"), chart.posToVal(left + width, "x")];
    chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.held = { from, span: to - from };
  }

  #point(chart: uPlot): void {
    const { left = -1 } = chart.cursor;
    this.#under = left < 0 ? null : chart.posToVal(left, "x");
    this.requestUpdate();
  }
}

/** Calls back again and again, and returns what ends that. */
function every(milliseconds: number, call: () => void): () => void {
  const timer = setInterval(call, milliseconds);
  return () => clearInterval(timer);
}

/** The times of an axis, by the clock of the machine that shows them. */
function times(_: uPlot, ticks: number[], __: number, ___: number, step: number): string[] {
  return ticks.map((tick) => {
    const [clock = ""] = new Date(tick * 1000).toTimeString().split(" ");
    const digits = Math.min(6, Math.max(0, -Math.floor(Math.log10(step))));
    if (digits === 0) return step >= 60 ? clock.slice(0, 5) : clock;
    return clock.slice(3) + (tick % 1).toFixed(digits).slice(1);
  });
}

/** Room above and below the values, also where all are the same. */
function range(_: uPlot, min: number | null, max: number | null): [number, number] {
  if (min === null || max === null) return [0, 1];
  const room = max > min ? 0.06 * (max - min) : Math.abs(max) * 0.1 || 1;
  return [min - room, max + room];
}

/** The nearest index at which a series has a value. */
function defined(chart: uPlot, series: number, index: number): number {
  const values = chart.data[series];
  if (series === 0 || !values) return index;
  for (let way = 0; way < values.length; way++) {
    if (values[index - way] != null) return index - way;
    if (values[index + way] != null) return index + way;
  }
  return index;
}
