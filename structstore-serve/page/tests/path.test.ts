// Paths.
import assert from "node:assert/strict";
import { test } from "node:test";
import { covers, elementPath, formatPath, isPath, parsePath } from "../src/path.ts";

test("paths are read and written", () => {
  for (const [path, steps] of [
    ["", []],
    ["drive.gains", ["drive", "gains"]],
    ["items[2]", ["items", 2]],
    ["m[1][0].x", ["m", 1, 0, "x"]],
    ['"any name.".x', ["any name.", "x"]],
    ['a."say \\"no\\""', ["a", 'say "no"']],
    ["two words.größe", ["two words", "größe"]],
    ['""', [""]],
  ] as const) {
    assert.deepEqual(parsePath(path), steps);
    assert.equal(formatPath([...steps]), path);
  }
  assert.deepEqual(parsePath("image[0, 5]"), ["image", 0, 5]);
  for (const path of ["a..b", "a[", ".a", "a[x]", 'a"b"'])
    assert.throws(() => parsePath(path), /this is no path/);
});

test("a path covers what is below it", () => {
  assert(covers("", "drive.kp"));
  assert(covers("drive", "drive"));
  assert(covers("drive", "drive.kp"));
  assert(covers("items", "items[2].x"));
  assert(!covers("drive", "drives.kp"));
  assert(!covers("drive.kp", "drive"));
  assert(covers('"drive"', "drive.kp"));
});

test("elements, and what is no path", () => {
  assert.equal(elementPath("m", [1, 0]), "m[1][0]");
  assert(isPath('a."b.c"[1]'));
  for (const other of ["a..b", 5, null]) assert(!isPath(other));
});
