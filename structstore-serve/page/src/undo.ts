// The steps that can be undone and redone.

export type Step = { path: string; kind: string; from: string; to: string };

export class Undo {
  #done: Step[] = [];
  #undone: Step[] = [];

  get canUndo(): boolean {
    return this.#done.length > 0;
  }

  get canRedo(): boolean {
    return this.#undone.length > 0;
  }

  /** Notes a new step, after which nothing can be redone. */
  push(step: Step): void {
    if (step.from === step.to) return;
    this.#done.push(step);
    this.#undone = [];
  }

  /** Takes the step to undo. The caller sets it back, and says so with `undone`. */
  takeUndo(): Step | undefined {
    return this.#done.pop();
  }

  takeRedo(): Step | undefined {
    return this.#undone.pop();
  }

  undone(step: Step): void {
    this.#undone.push(step);
  }

  redone(step: Step): void {
    this.#done.push(step);
  }
}
