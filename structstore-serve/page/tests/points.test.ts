// The points of a line.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Points } from "../src/points.ts";

const numbers = (...values: number[]) => Float64Array.from(values);

test("points from a time on are replaced", () => {
  const points = new Points();
  points.replace(-1e300, numbers(1, 2, 3), numbers(10, 20, 30));
  points.replace(3, numbers(3, 4), numbers(31, 40));
  assert.deepEqual([...points.times], [1, 2, 3, 4]);
  assert.deepEqual([...points.values], [10, 20, 31, 40]);
  points.replace(-1e300, numbers(7), numbers(70));
  assert.deepEqual([...points.times], [7]);
});

test("what is left of the window is dropped, but the last point before it", () => {
  const points = new Points();
  points.replace(-1e300, numbers(1, 2, 3, 4), numbers(1, 2, 3, 4));
  points.drop(3);
  assert.deepEqual([...points.times], [2, 3, 4]);
  points.drop(100);
  assert.deepEqual([...points.times], [4]);
  points.drop(0);
  assert.deepEqual([...points.times], [4]);
});

test("the point at a time is the last one up to it", () => {
  const points = new Points();
  assert.equal(points.at(1), -1);
  points.replace(-1e300, numbers(1, 2), numbers(1, 2));
  assert.deepEqual(
    [0.5, 1, 1.5, 2, 9].map((time) => points.at(time)),
    [-1, 0, 0, 1, 1],
  );
});

test("a long run stays in order and in bounds", () => {
  const points = new Points();
  for (let time = 0; time < 20_000; time++) {
    points.replace(time, numbers(time), numbers(-time));
    points.drop(time - 100);
  }
  assert.equal(points.times.length, 102);
  assert.equal(points.times[0], 19_898);
  assert.equal(points.values.at(-1), -19_999);
});
