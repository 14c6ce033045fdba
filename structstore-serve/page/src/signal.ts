// A signal tells its listeners that something has happened.

export class Signal<T = void> {
  #listeners = new Set<(value: T) => void>();

  /** Adds a listener and returns what removes it. */
  on(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit(value: T): void {
    for (const listener of [...this.#listeners]) listener(value);
  }
}
