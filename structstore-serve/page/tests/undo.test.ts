// Undo, and gestures, which are one step of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Gesture } from "../src/gesture.ts";
import { Undo } from "../src/undo.ts";

test("steps are undone and redone in turn", () => {
  const undo = new Undo();
  const first = { path: "a", kind: "str", from: "1", to: "2" };
  const second = { path: "b", kind: "str", from: "x", to: "y" };
  undo.push(first);
  undo.push(second);
  assert.equal(undo.takeUndo(), second);
  undo.undone(second);
  assert(undo.canRedo);
  assert.equal(undo.takeRedo(), second);
  undo.redone(second);
  assert(!undo.canRedo);
  assert.equal(undo.takeUndo(), second);
  assert.equal(undo.takeUndo(), first);
  assert.equal(undo.takeUndo(), undefined);
});

test("a new step ends what could be redone, and no change is no step", () => {
  const undo = new Undo();
  undo.push({ path: "a", kind: "str", from: "1", to: "1" });
  assert(!undo.canUndo);
  undo.push({ path: "a", kind: "str", from: "1", to: "2" });
  undo.undone(undo.takeUndo()!);
  undo.push({ path: "a", kind: "str", from: "1", to: "3" });
  assert(!undo.canRedo);
});

test("a gesture waits for each answer and assigns its last value", async () => {
  const sent: string[] = [];
  const gesture = new Gesture("0", async (value, was) => {
    sent.push(`${was} ${value}`);
    return null;
  });
  for (const value of ["1", "2", "3"]) gesture.move(value);
  await gesture.settled();
  assert.deepEqual(sent, ["0 1", "1 3"]);
  assert.equal(gesture.was, "3");
});

test("a conflict ends a gesture, a refusal does not", async () => {
  const sent: string[] = [];
  const gesture = new Gesture("0", async (value) => {
    sent.push(value);
    const refused = { type: "refused", id: 1, error: "no" } as const;
    if (value === "9") return refused;
    return value === "5" ? { ...refused, conflict: true } : null;
  });
  for (const value of ["9", "4", "5", "6"]) {
    gesture.move(value);
    await gesture.settled();
  }
  assert.deepEqual(sent, ["9", "4", "5"]);
  assert.equal(gesture.was, "4");
});
