// Edits assign values, note them for undo, and keep what was refused until the next gesture.
import type { Connection } from "./connection.ts";
import { Gesture } from "./gesture.ts";
import type { Refused, Row } from "./message.ts";
import { Signal } from "./signal.ts";
import { Undo } from "./undo.ts";
import { sameValue } from "./value.ts";

/** Why a value was refused. At a conflict, `now` is there instead of what the page had shown. */
export type Problem = { path: string; kind: string; error: string; value: string; now?: string };

/** What is edited: a row, or an element of an array. */
export type Target = { path: string; kind: string };

export class Edits {
  readonly changed = new Signal();
  /** Tells a value that was assigned before the viewer shows it. */
  readonly assigned = new Signal<{ path: string; text: string }>();
  readonly problems = new Map<string, Problem>();
  readonly undo = new Undo();

  #gestures = new Set<Gesture>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(private readonly connection: Connection) {}

  set(target: Target, value: string, was: string): Promise<boolean> {
    return this.#inTurn(async () => {
      const refused = await this.#assign(target, value, was);
      if (!refused) this.undo.push({ path: target.path, kind: target.kind, from: was, to: value });
      this.changed.emit();
      return !refused;
    });
  }

  /** Assigns the default of a field. A row may have only the beginning of what is there. */
  async reset(row: Row): Promise<void> {
    const { cut, path, meta } = row;
    const answer = cut ? await this.connection.ask({ type: "read", path, as: "text" }) : null;
    await this.set(row, meta?.default ?? "", answer?.type === "text" ? answer.text : row.text);
  }

  /** Begins a gesture, which is one step of undo when it has ended. */
  begin(target: Target, was: string): Gesture {
    const gesture = new Gesture(was, (value, before) => this.#assign(target, value, before));
    this.#gestures.add(gesture);
    return gesture;
  }

  end({ path, kind }: Target, gesture: Gesture): void {
    this.#gestures.delete(gesture);
    this.undo.push({ path, kind, from: gesture.first, to: gesture.was });
    this.changed.emit();
  }

  undoStep(): Promise<void> {
    return this.#inTurn(async () => {
      await Promise.all([...this.#gestures].map((gesture) => gesture.settled()));
      const step = this.undo.takeUndo();
      if (!step) return;
      const refused = await this.#assign(step, step.from, step.to);
      if (!refused) this.undo.undone(step);
      else if (!refused.conflict) this.undo.redone(step);
      this.changed.emit();
    });
  }

  redoStep(): Promise<void> {
    return this.#inTurn(async () => {
      const step = this.undo.takeRedo();
      if (!step) return;
      const refused = await this.#assign(step, step.to, step.from);
      if (!refused) this.undo.redone(step);
      else if (!refused.conflict) this.undo.undone(step);
      this.changed.emit();
    });
  }

  /** Waits for the step before, so that what is undone is what was done last. */
  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const next = this.#last.then(step);
    this.#last = next.catch(() => undefined);
    return next;
  }

  overwrite(problem: Problem): Promise<boolean> {
    return this.set(problem, problem.value, problem.now ?? "");
  }

  /** Forgets what was refused. */
  forget(path: string): void {
    if (this.problems.delete(path)) this.changed.emit();
  }

  report(problem: Problem): void {
    this.problems.set(problem.path, problem);
    this.changed.emit();
  }

  async #assign(target: Target, value: string, was: string): Promise<Refused | null> {
    const { kind, path } = target;
    this.forget(path);
    const answer = await this.connection.ask({ type: "set", changes: [{ path, value, was }] });
    if (answer.type !== "refused") {
      this.assigned.emit({ path, text: value });
      return null;
    }
    const { error, conflict, now } = answer;
    if (!conflict || now == null) this.report({ path, kind, error, value });
    // The viewer may write the value that was there in another way.
    else if (now !== was && sameValue(kind, now, was)) return this.#assign(target, value, now);
    else this.report({ path, kind, error, value, now });
    return answer;
  }
}
