// Layouts as texts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatLayout, type Layout, parseLayout, place } from "../src/layout.ts";

test("a layout survives as text", () => {
  const layout: Layout = {
    open: ["drive", '"a.b"[2]'],
    panels: [
      place(
        { kind: "plot", lines: [{ path: "imu", column: "acc.x", unit: "m/s²" }], span: 30, rate: 1000 },
        4,
        3,
      ),
      place({ kind: "picture", path: "heat", index: [1], low: null, high: 2.5, scale: "grey" }),
      place({ kind: "vector", path: "scan", index: [] }),
      place({ kind: "table", path: "m", index: [] }),
      place({ kind: "info" }),
    ],
  };
  const read = parseLayout(formatLayout(layout));
  assert.deepEqual(read.open, layout.open);
  assert.deepEqual(
    read.panels.map(({ id, ...rest }) => rest),
    layout.panels.map(({ id, ...rest }) => rest),
  );
  assert.equal(new Set([...layout.panels, ...read.panels].map(({ id }) => id)).size, 10);
});

test("what is not understood is left out", () => {
  const text = JSON.stringify({
    version: 1,
    open: ["a", 5, "no..path"],
    panels: [{ kind: "teapot" }, { kind: "table" }, null, { kind: "info", width: 99, height: -1 }],
  });
  const { open, panels } = parseLayout(text);
  assert.deepEqual(open, ["a"]);
  assert.deepEqual(
    panels.map(({ width, height, spec }) => [width, height, spec.kind]),
    [[6, 2, "info"]],
  );
});

test("other texts are refused", () => {
  assert.throws(() => parseLayout("{}"), /no layout of version 1/);
  assert.throws(() => parseLayout("no JSON"));
});
