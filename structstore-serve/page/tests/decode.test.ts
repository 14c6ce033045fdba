// Binary messages.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decode } from "../src/decode.ts";
import type { Picture, Series, Vector } from "../src/message.ts";

/** A message as the viewer sends it, at some distance from the begin of its buffer. */
function encode(header: object, data: ArrayBufferView, offset = 0): DataView {
  let text = JSON.stringify(header);
  while ((4 + text.length) % 8) text += " ";
  const bytes = new Uint8Array(offset + 4 + text.length + data.byteLength);
  new DataView(bytes.buffer).setUint32(offset, text.length, true);
  bytes.set(new TextEncoder().encode(text), offset + 4);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset + 4 + text.length);
  return new DataView(bytes.buffer, offset);
}

test("a series has its times and values", () => {
  const data = Float64Array.of(1, 2, 3, 10, Number.NaN, 30);
  const header = { type: "series", id: 7, line: 1, after: -1e300, count: 3, sampled: true };
  for (const offset of [0, 8, 3]) {
    const series = decode(encode(header, data, offset)) as Series;
    assert.deepEqual([...series.times], [1, 2, 3]);
    assert.deepEqual([...series.values], [10, Number.NaN, 30]);
    assert.equal(series.line, 1);
    assert.equal(series.after, -1e300);
  }
});

test("a vector has its indices and values", () => {
  const vector = decode(
    encode({ type: "vector", id: 9, dtype: "f64", shape: [2], count: 2 }, Float64Array.of(0, 1, 5, 6)),
  ) as Vector;
  assert.deepEqual([...vector.indices], [0, 1]);
  assert.deepEqual([...vector.values], [5, 6]);
});

test("a picture has its pixels", () => {
  const header = {
    type: "picture",
    id: 8,
    dtype: "u8",
    shape: [1, 2, 3],
    pixels: "rgb",
    width: 2,
    height: 1,
  };
  const picture = decode(encode(header, Uint8Array.of(1, 2, 3, 4, 5, 6))) as Picture;
  assert.deepEqual([...picture.data], [1, 2, 3, 4, 5, 6]);
});

test("a message that is too short is refused", () => {
  const header = { type: "series", id: 7, line: 0, after: 0, count: 3, sampled: true };
  assert.throws(() => decode(encode(header, Float64Array.of(1, 2))), /16 bytes of data, expected 48/);
});
