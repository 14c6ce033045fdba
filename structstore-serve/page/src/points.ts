// The points of one line of a plot, in the order of their times.

export class Points {
  #times = new Float64Array(1024);
  #values = new Float64Array(1024);
  #start = 0;
  #end = 0;

  get times(): Float64Array {
    return this.#times.subarray(this.#start, this.#end);
  }

  get values(): Float64Array {
    return this.#values.subarray(this.#start, this.#end);
  }

  /** Replaces all points from the time `after` on. */
  replace(after: number, times: Float64Array, values: Float64Array): void {
    this.#end = this.#start + this.#before(after);
    if (this.#end + times.length > this.#times.length) this.#grow(times.length);
    this.#times.set(times, this.#end);
    this.#values.set(values, this.#end);
    this.#end += times.length;
  }

  /** Drops the points before `time`, but the last of them, from which the line comes into the window. */
  drop(time: number): void {
    this.#start += Math.max(0, this.#before(time) - 1);
  }

  /** The index of the last point up to `time`, or -1. */
  at(time: number): number {
    const found = this.#before(time);
    return this.times[found] === time ? found : found - 1;
  }

  /** How many points are before `time`. */
  #before(time: number): number {
    let [low, high] = [this.#start, this.#end];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#times[middle]! < time) low = middle + 1;
      else high = middle;
    }
    return low - this.#start;
  }

  #grow(more: number): void {
    const { times, values } = this;
    const capacity = Math.max(1024, 2 * (times.length + more));
    this.#times = new Float64Array(capacity);
    this.#values = new Float64Array(capacity);
    this.#times.set(times);
    this.#values.set(values);
    this.#start = 0;
    this.#end = times.length;
  }
}
