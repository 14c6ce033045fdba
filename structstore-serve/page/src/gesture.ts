// A gesture assigns many values one after the other, as the drag of a slider does.
import type { Refused } from "./message.ts";

export type Assign = (value: string, was: string) => Promise<Refused | null>;

const pause = 50;

export class Gesture {
  /** The last value that was assigned. */
  was: string;
  #next: string | null = null;
  #running: Promise<void> | null = null;
  /** When the last value was sent. */
  #begun = -pause;
  #stopped = false;

  constructor(
    readonly first: string,
    private readonly assign: Assign,
  ) {
    this.was = first;
  }

  /** Assigns the value soon. Values in between are left out; the last one is not. */
  move(value: string): void {
    if (this.#stopped) return;
    this.#next = value;
    this.#running ??= this.#run();
  }

  /** Waits until the last value is assigned or refused. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#next !== null && !this.#stopped) {
      const left = this.#begun + pause - performance.now();
      if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
      this.#begun = performance.now();
      const value = this.#next;
      this.#next = null;
      const refused = await this.assign(value, this.was);
      if (!refused) this.was = value;
      else if (refused.conflict) this.#stopped = true;
    }
    this.#running = null;
  }
}
