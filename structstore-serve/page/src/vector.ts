// The elements of a one-dimensional array as a line.
import { css, html } from "lit";
import uPlot from "uplot";
import { axis, chartStyles, valueAxis } from "./chart.ts";
import { lineColor } from "./colors.ts";
import { element } from "./element.ts";
import type { VectorSpec } from "./layout.ts";
import type { PanelMessage, Vector as VectorMessage } from "./message.ts";
import { controls, theme } from "./theme.ts";
import { formatNumber } from "./value.ts";
import { type Request, renderIndex, typeOf, View, viewStyles } from "./view.ts";

@element("structstore-vector")
export class Vector extends View<VectorSpec> {
  static override styles = [
    controls,
    viewStyles,
    ...chartStyles,
    css`
      output {
        color: var(--text);
      }
    `,
  ];

  #newest: VectorMessage | null = null;
  #chart: uPlot | null = null;
  #dark = theme.dark;
  #end = () => {};

  override connectedCallback(): void {
    super.connectedCallback();
    this.#end = theme.changed.on(() => this.requestUpdate());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#end();
    this.#chart?.destroy();
    this.#chart = null;
  }

  protected override request(): Request | null {
    if (!this.size) return null;
    const { index, path } = this.spec;
    return { type: "vector", path, width: Math.round(this.size.width * devicePixelRatio), index };
  }

  protected override receive(message: PanelMessage): void {
    if (message.type !== "vector") return;
    this.#newest = message;
    this.requestUpdate();
  }

  override updated(changed: Map<string, unknown>): void {
    super.updated(changed);
    if (!this.size || !this.#newest) return;
    if (!this.#chart || this.#dark !== theme.dark) this.#build();
    const { width, height } = this.size;
    if (this.#chart?.width !== width || this.#chart.height !== height)
      this.#chart?.setSize({ width, height });
    const { indices, values } = this.#newest;
    const shown = Array.from(values, (value) => (Number.isFinite(value) ? value : null));
    this.#chart?.setData([indices, shown]);
  }

  override render() {
    const { shape = [] } = this.#newest ?? {};
    return html`
      <div class="body"><div class="chart"></div>${this.renderMissing()}</div>
      <div class="foot">
        <span>${typeOf(this.#newest)}</span>
        ${renderIndex(this.spec.index, shape.slice(0, -1), (index) => this.change({ index }))}
        <span class="grow"></span>
        <output>${this.#under()}</output>
      </div>
    `;
  }

  /** The element under the pointer. */
  #under(): string {
    const index = this.#chart?.cursor.idx;
    if (index == null || !this.#newest) return "";
    const { indices, values } = this.#newest;
    return `[${indices[index]}] = ${formatNumber(values[index] ?? Number.NaN)}`;
  }

  #build(): void {
    this.#dark = theme.dark;
    this.#chart?.destroy();
    const target = this.renderRoot.querySelector<HTMLElement>(".chart")!;
    this.#chart = new uPlot(
      {
        ...this.size!,
        pxAlign: 0,
        legend: { show: false },
        padding: [8, 12, 0, 0],
        scales: { x: { time: false, range: (_, min, max) => [min ?? 0, max ?? 1] } },
        series: [{}, { stroke: lineColor(0, theme.dark), width: 1.5, points: { show: false } }],
        axes: [axis({ size: 30, space: 50 }), valueAxis({})],
        cursor: { drag: { x: false, y: false }, points: { size: 6 } },
        hooks: { setCursor: [() => this.requestUpdate()] },
      },
      [[], []],
      target,
    );
  }
}
