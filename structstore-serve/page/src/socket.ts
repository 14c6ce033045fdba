// The WebSocket to the viewer, which is opened again and again until it works.
import type { Transport, TransportState } from "./transport.ts";

const shortest = 250;
const longest = 3000;

export class Socket implements Transport {
  onText: (text: string) => void = () => {};
  onBinary: (message: DataView) => void = () => {};
  onState: (state: TransportState) => void = () => {};
  #socket: WebSocket | null = null;
  #pause = shortest;
  #timer = 0;

  constructor(private readonly store: string | null) {
    this.#timer = setTimeout(() => this.#open());
  }

  send(text: string): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(text);
  }

  close(): void {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #open(): void {
    const url = new URL("socket", document.baseURI);
    url.protocol = url.protocol.replace("http", "ws");
    url.search = this.store === null ? "" : `?store=${encodeURIComponent(this.store)}`;
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.#pause = shortest;
      this.onState("open");
    };
    socket.onmessage = ({ data }) => {
      if (typeof data === "string") this.onText(data);
      else this.onBinary(new DataView(data));
    };
    socket.onclose = () => {
      if (this.#socket === socket) this.#retry();
    };
    this.#socket = socket;
  }

  /** A browser does not tell why a socket closes, so that this asks. */
  async #retry(): Promise<void> {
    this.onState("connecting");
    const status = await fetch("about").then(
      (response) => response.status,
      () => 0,
    );
    if (!this.#socket) return;
    this.onState(status === 403 ? "forbidden" : status === 0 ? "stopped" : "connecting");
    this.#timer = setTimeout(() => this.#open(), this.#pause);
    this.#pause = Math.min(longest, 1.6 * this.#pause);
  }
}
