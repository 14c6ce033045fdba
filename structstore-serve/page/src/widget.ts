// The widget for notebooks: the viewer over the messages of anywidget.
import type { App } from "./app.ts";
import "./app.ts";

export { startPage } from "./start.ts";

import type { Transport, TransportState } from "./transport.ts";

type Listener = (message: { text?: string }, buffers: DataView[]) => void;

interface Model {
  send(message: object): void;
  on(name: "msg:custom", listener: Listener): void;
  off(name: "msg:custom", listener: Listener): void;
}

class ModelTransport implements Transport {
  onText: (text: string) => void = () => {};
  onBinary: (message: DataView) => void = () => {};
  onState: (state: TransportState) => void = () => {};

  constructor(private readonly model: Model) {
    model.on("msg:custom", this.#receive);
  }

  start(): void {
    this.onState("open");
    this.model.send({ start: true });
  }

  send(text: string): void {
    this.model.send({ text });
  }

  close(): void {
    this.model.off("msg:custom", this.#receive);
    this.model.send({ stop: true });
  }

  #receive: Listener = ({ text }, buffers) => {
    const [buffer] = buffers ?? [];
    if (text !== undefined) this.onText(text);
    else if (buffer) this.onBinary(buffer);
  };
}

function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const transport = new ModelTransport(model);
  const app = document.createElement("structstore-app") as App;
  app.transport = transport;
  app.embedded = true;
  // JupyterLab has keys of its own.
  el.dataset.lmSuppressShortcuts = "true";
  el.append(app);
  transport.start();
  return () => app.remove();
}

export default { render };
