// Values: reading, stepping and shortening them.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatFloat,
  formatSize,
  fraction,
  parseValue,
  Scale,
  sameValue,
  shorten,
  stepped,
} from "../src/value.ts";

test("integers keep all of their 64 bits", () => {
  assert.equal(parseValue("u64", "18446744073709551615"), "18446744073709551615");
  assert.equal(parseValue("i64", " -9223372036854775808 "), "-9223372036854775808");
  assert.equal(parseValue("u64", "0xffff_ffff_ffff_ffff"), "18446744073709551615");
  assert.equal(parseValue("i32", "+5"), "5");
  for (const typed of ["", "1.5", "five", "1e3", "-", "0x"]) assert.equal(parseValue("i64", typed), null);
  assert.equal(stepped("u64", "18446744073709551614", 1), "18446744073709551615");
});

test("floats are read as they are typed", () => {
  assert.equal(parseValue("f64", "2"), "2.0");
  assert.equal(parseValue("f64", "-.5e1"), "-5.0");
  assert.equal(parseValue("f32", "0.1"), "0.1");
  assert.equal(parseValue("f64", "nan"), "NaN");
  assert.equal(parseValue("f64", "-inf"), "-Infinity");
  assert.equal(parseValue("f64", "-0"), "-0.0");
  for (const typed of ["", ".", "1,5", "1.0.0", "0x10", "Infinite"])
    assert.equal(parseValue("f64", typed), null);
});

test("floats are written as the viewer writes them", () => {
  for (const [value, text] of [
    [5, "5.0"],
    [0.1, "0.1"],
    [1e-4, "0.0001"],
    [1e-5, "1e-5"],
    [1e15, "1000000000000000.0"],
    [1.5e16, "1.5e16"],
    [Number.NaN, "NaN"],
  ] as const)
    assert.equal(formatFloat(value), text);
  assert.equal(parseValue("f32", "0.123456789"), "0.12345679");
  assert.equal(formatFloat(Math.fround(0.1), "f32"), "0.1");
  assert.equal(formatFloat(16777216, "f32"), "16777216.0");
});

test("other kinds", () => {
  assert.equal(parseValue("bool", "true"), "true");
  assert.equal(parseValue("bool", "yes"), null);
  assert.equal(parseValue("bytes", "00 FF"), "00ff");
  assert.equal(parseValue("bytes", "0"), null);
  assert.equal(parseValue("str", " as it is "), " as it is ");
});

test("the same value in other texts", () => {
  assert(sameValue("f64", "2", "2.0"));
  assert(sameValue("f32", "NaN", "nan"));
  assert(sameValue("f64", "inf", "Infinity"));
  assert(sameValue("f32", "0.1", "0.10000000149"));
  assert(!sameValue("f64", "0.1", "0.10000000149"));
  assert(!sameValue("str", "2", "2.0"));
  assert(!sameValue("u64", "18446744073709551615", "18446744073709551614"));
});

test("steps stay on decimal places and within the limits", () => {
  const meta = { min: "0.0", max: "5.0", step: 0.1 };
  assert.equal(stepped("f64", "0.2", 1, meta), "0.3");
  assert.equal(stepped("f64", "4.95", 1, meta), "5.0");
  assert.equal(stepped("f64", "0.0", -1, { ...meta, above: true }), "0.0");
  assert.equal(stepped("u8", "5", 10, { max: "10" }), "5");
  assert.equal(stepped("f64", "2.0", 1), "2.1");
  assert.equal(stepped("f64", "NaN", 1), "NaN");
});

test("a slider runs from limit to limit", () => {
  const scale = Scale.of("f64", { min: "0.0", max: "5.0", step: 0.1 })!;
  assert.equal(scale.count, 50);
  assert.equal(scale.textAt(25), "2.5");
  assert.equal(scale.positionOf("2.52"), 25);
  assert.equal(scale.textAt(50), "5.0");
  const exclusive = Scale.of("i16", { min: "-3", max: "3", above: true, below: true })!;
  assert.deepEqual([exclusive.textAt(0), exclusive.textAt(exclusive.count)], ["-2", "2"]);
  const multiple = Scale.of("f64", { min: "0.1", max: "1.0", multiple_of: "0.25" })!;
  assert.deepEqual([multiple.textAt(0), multiple.textAt(multiple.count)], ["0.25", "1.0"]);
  assert.equal(Scale.of("f64", { min: "0.0" }), null);
  assert.equal(Scale.of("u64", { min: "0", max: "18446744073709551615" }), null);
});

test("texts are shortened to a steady width", () => {
  assert.equal(shorten("2.0"), "2.0");
  assert.equal(shorten("0.30000000000000004"), "0.300000");
  assert.equal(shorten("-123.45678901"), "-123.4568");
  assert.equal(shorten("1.2345678e-12"), "1.2346e-12");
  assert.equal(shorten("-Infinity"), "-Infinity");
  assert.equal(shorten("inf"), "inf");
  assert.equal(formatSize(1536), "1.5 KiB");
});

test("a fraction of the range", () => {
  assert.equal(fraction("2.0", { min: "0.0", max: "4.0" }), 0.5);
  assert.equal(fraction("9.0", { min: "0.0", max: "4.0" }), 1);
  assert.equal(fraction("NaN", { min: "0.0", max: "4.0" }), null);
  assert.equal(fraction("2.0", { min: "0.0" }), null);
});
