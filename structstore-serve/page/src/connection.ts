// The connection speaks the protocol: it draws turns, repeats requests, and matches answers to questions.
import { decode } from "./decode.ts";
import type {
  Answer,
  Control,
  Hello,
  Lock,
  Message,
  Moment,
  PanelMessage,
  PanelRequest,
  Question,
  Rows,
  Values,
  View,
} from "./message.ts";
import { covers } from "./path.ts";
import { Signal } from "./signal.ts";
import type { Transport, TransportState } from "./transport.ts";

export type Status = TransportState | "live" | "gone";
export type Receiver = (message: PanelMessage) => void;

export class Connection {
  readonly changed = new Signal();
  readonly shown = new Signal<Rows | Values>();
  readonly turned = new Signal<number>();
  /** Where a recording is. */
  readonly moved = new Signal<Moment>();
  status: Status = "connecting";
  reason = "";
  hello: Hello | null = null;
  /** The newest locks that a panel has received. */
  locks: Lock[] = [];
  /** How many turns are drawn. */
  turns = 0;

  #view: View | null = null;
  #panels = new Map<number, { request: PanelRequest; receive: Receiver }>();
  #questions = new Map<number, (answer: Answer) => void>();
  #lastQuestion = 0;
  #turn: Message[] = [];
  #frame = 0;
  /** Whether hello has come. What is asked for before is sent after it. */
  #greeted = false;

  constructor(private readonly transport: Transport) {
    transport.onState = (state) => this.#changeState(state);
    transport.onText = (text) => this.#receive(JSON.parse(text));
    transport.onBinary = (message) => this.#receive(decode(message));
  }

  get live(): boolean {
    return this.status === "live";
  }

  /** Whether the viewer lets this page change what is at `path`. */
  writable(path: string): boolean {
    return this.hello?.writable.some((outer) => covers(outer, path)) ?? false;
  }

  /** Asks for a part of the tree. */
  view(view: View): void {
    this.#view = view;
    this.#send({ type: "view", ...view });
  }

  /** Asks for what a panel shows, or changes that. */
  show(request: PanelRequest, receive: Receiver): void {
    this.#panels.set(request.id, { request, receive });
    this.#send(request);
  }

  hide(id: number): void {
    if (this.#panels.delete(id)) this.#send({ type: "close", id });
  }

  ask(question: Question): Promise<Answer> {
    this.#lastQuestion += 1;
    const id = this.#lastQuestion;
    if (!this.#greeted) return Promise.resolve({ type: "refused", id, error: "the viewer is not connected" });
    this.#send({ ...question, id });
    return new Promise((resolve) => this.#questions.set(id, resolve));
  }

  /** Moves the recording that is shown. */
  control(control: Control): void {
    this.#send({ type: "timeline", control });
  }

  close(): void {
    cancelAnimationFrame(this.#frame);
    this.transport.close();
  }

  #send(message: object): void {
    if (this.#greeted) this.transport.send(JSON.stringify(message));
  }

  #changeState(state: TransportState): void {
    this.#greeted = false;
    if (state !== "open") {
      cancelAnimationFrame(this.#frame);
      this.#turn = [];
      for (const [id, resolve] of this.#questions)
        resolve({ type: "refused", id, error: "the connection was lost before the answer came" });
      this.#questions.clear();
    }
    this.#changeStatus(state === "open" ? "connecting" : state, "");
  }

  #changeStatus(status: Status, reason: string): void {
    this.status = status;
    this.reason = reason;
    this.changed.emit();
  }

  #receive(message: Message): void {
    switch (message.type) {
      case "hello":
        this.hello = message;
        this.#greeted = true;
        this.#changeStatus("live", "");
        this.#repeat();
        break;
      case "state":
        this.#changeStatus(message.state, message.text);
        break;
      case "done":
      case "refused":
      case "text":
        this.#questions.get(message.id)?.(message);
        this.#questions.delete(message.id);
        break;
      case "error":
        break;
      case "turn":
        this.#frame = requestAnimationFrame(() => this.#draw(message.time));
        break;
      default:
        this.#turn.push(message);
    }
  }

  #draw(time: number): void {
    const turn = this.#turn;
    this.#turn = [];
    for (const message of turn) this.#dispatch(message);
    this.turns += 1;
    this.turned.emit(time);
    this.#send({ type: "next" });
  }

  #dispatch(message: Message): void {
    if (message.type === "rows" || message.type === "values") this.shown.emit(message);
    else if (message.type === "timeline") this.moved.emit(message);
    else if ("id" in message) {
      if (message.type === "info") this.locks = message.locks;
      this.#panels.get(message.id)?.receive(message as PanelMessage);
    }
  }

  /** After a hello, the viewer is told again what is shown. */
  #repeat(): void {
    if (this.#view) this.#send({ type: "view", ...this.#view });
    for (const { request } of this.#panels.values()) this.#send(request);
  }
}
