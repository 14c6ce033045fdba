// An array as a picture.
import { css, html, nothing } from "lit";
import { query, state } from "lit/decorators.js";
import { colorScale } from "./colors.ts";
import { element } from "./element.ts";
import type { PictureSpec } from "./layout.ts";
import type { PanelMessage, Picture as PictureMessage } from "./message.ts";
import { controls } from "./theme.ts";
import { formatNumber } from "./value.ts";
import { type Request, renderIndex, typeOf, View, viewStyles } from "./view.ts";

@element("structstore-picture")
export class Picture extends View<PictureSpec> {
  static override styles = [
    controls,
    viewStyles,
    css`
      .body {
        margin: 6px 8px 0;
      }
      canvas {
        position: absolute;
        inset: 0;
        width: 100%;
        height: 100%;
        object-fit: contain;
      }
      canvas.enlarged {
        image-rendering: pixelated;
      }
      .foot input {
        width: 48px;
      }
      output {
        color: var(--text);
      }
    `,
  ];

  @state() private newest: PictureMessage | null = null;
  @state() private pointer: { x: number; y: number } | null = null;
  @query("canvas") private canvas!: HTMLCanvasElement;

  protected override request(): Request | null {
    if (!this.size) return null;
    const { index, path, low, high } = this.spec;
    const width = Math.round(this.size.width * devicePixelRatio);
    const height = Math.round(this.size.height * devicePixelRatio);
    return { type: "picture", path, width, height, low, high, index };
  }

  protected override receive(message: PanelMessage): void {
    if (message.type === "picture") this.newest = message;
  }

  override updated(changed: Map<string, unknown>): void {
    super.updated(changed);
    if (this.newest && (changed.has("newest") || changed.has("spec"))) this.#draw(this.newest);
  }

  override render() {
    const { pixels } = this.newest ?? {};
    return html`
      <div class="body">
        <canvas
          class=${this.#scale > 1 ? "enlarged" : ""}
          @pointermove=${this.#move}
          @pointerleave=${() => {
            this.pointer = null;
          }}
        ></canvas>
        ${this.renderMissing()}
      </div>
      <div class="foot">
        <span>${typeOf(this.newest)}</span>
        ${renderIndex(this.spec.index, this.#leading, (index) => this.change({ index }))}
        <output>${this.#under()}</output>
        <span class="grow"></span>
        ${pixels === "map" || pixels === "grey" ? this.#renderRange() : nothing}
      </div>
    `;
  }

  #renderRange() {
    const { low, high, scale } = this.spec;
    return html`
      <label title="The values of the first and the last color">${this.#renderLimit("low", low)}</label>
      <label>– ${this.#renderLimit("high", high)}</label>
      ${
        this.newest?.pixels === "map"
          ? html`<select
              aria-label="Color scale"
              @change=${(event: Event) =>
                this.change({ scale: (event.target as HTMLSelectElement).value as PictureSpec["scale"] })}
            >
              <option value="color" ?selected=${scale === "color"}>color</option>
              <option value="grey" ?selected=${scale === "grey"}>grey</option>
            </select>`
          : nothing
      }
    `;
  }

  #renderLimit(side: "low" | "high", limit: number | null) {
    return html`<input
      inputmode="decimal"
      aria-label=${side === "low" ? "Least value" : "Greatest value"}
      placeholder=${formatNumber(this.newest?.[side] ?? 0)}
      .value=${limit === null ? "" : String(limit)}
      @change=${(event: Event) => {
        const typed = (event.target as HTMLInputElement).value.trim();
        const value = typed === "" || Number.isNaN(Number(typed)) ? null : Number(typed);
        this.change({ [side]: value });
      }}
    />`;
  }

  /** The dimensions before those of the picture. */
  get #leading(): number[] {
    const { pixels, shape = [], width, height } = this.newest ?? {};
    const channels =
      pixels === "rgb" || pixels === "rgba" || (shape.at(-1) === 1 && (width ?? 0) * (height ?? 0) > 1);
    return shape.slice(0, channels ? -3 : -2);
  }

  /** How much the picture is enlarged. */
  get #scale(): number {
    if (!this.newest || !this.size) return 1;
    const { width, height } = this.newest;
    return Math.min(this.size.width / width, this.size.height / height);
  }

  #draw({ data, pixels, width, height }: PictureMessage): void {
    const { canvas } = this;
    if (width * height === 0) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const image = new ImageData(width, height);
    const target = image.data;
    const step = { grey: 1, map: 1, rgb: 3, rgba: 4 }[pixels];
    const colors = pixels === "map" && this.spec.scale === "color";
    for (let at = 0; at < width * height; at++) {
      const byte = data[at * step]!;
      target[4 * at] = colors ? colorScale[3 * byte]! : byte;
      target[4 * at + 1] = colors ? colorScale[3 * byte + 1]! : step === 1 ? byte : data[at * step + 1]!;
      target[4 * at + 2] = colors ? colorScale[3 * byte + 2]! : step === 1 ? byte : data[at * step + 2]!;
      // In a map, 0 is what is not a number.
      target[4 * at + 3] = step === 4 ? data[at * step + 3]! : pixels === "map" && byte === 0 ? 0 : 255;
    }
    canvas.getContext("2d")?.putImageData(image, 0, 0);
  }

  #move(event: PointerEvent): void {
    this.pointer = { x: event.offsetX, y: event.offsetY };
  }

  /** The pixel under the pointer: its place in the array, and its value as far as the picture tells. */
  #under(): string {
    const { newest, pointer, size } = this;
    if (!newest || !pointer || !size) return "";
    const { data, height, high, low, pixels, shape, width } = newest;
    const x = Math.floor((pointer.x - (size.width - width * this.#scale) / 2) / this.#scale);
    const y = Math.floor((pointer.y - (size.height - height * this.#scale) / 2) / this.#scale);
    if (x < 0 || y < 0 || x >= width || y >= height) return "";
    const at = this.#leading.length;
    const place = `[${Math.floor((y * shape[at]!) / height)}, ${Math.floor((x * shape[at + 1]!) / width)}]`;
    const step = { grey: 1, map: 1, rgb: 3, rgba: 4 }[pixels];
    const bytes = data.subarray(step * (y * width + x), step * (y * width + x + 1));
    if (low === null || high === null) return place;
    if (step > 1) return `${place} ${bytes.join(" ")}`;
    const byte = bytes[0]!;
    if (pixels === "map" && byte === 0) return `${place} NaN`;
    const part = pixels === "map" ? (byte - 1) / 254 : byte / 255;
    return `${place} ≈ ${formatNumber(low + part * (high - low))}`;
  }
}
