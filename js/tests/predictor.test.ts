// Probabilities as people read them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { percent } from "../src/predictor/protocol";

test("a probability has one digit after its point", () => {
  assert.deepEqual([0.5, 0.1234, 0.999].map(percent), ["50.0 %", "12.3 %", "99.9 %"]);
});

test("only what is certain is said to be", () => {
  assert.deepEqual([1, 0.9996, 0.0004, 0].map(percent), ["100.0 %", "> 99.9 %", "< 0.1 %", "0.0 %"]);
});
