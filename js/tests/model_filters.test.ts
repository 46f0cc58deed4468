// Which models are left, in what order, and which of them nothing else beats.

import assert from "node:assert/strict";
import { test } from "node:test";

import { front, inTheWay, NO_FILTERS, ordered, passing, setFilters } from "../src/picker/filters";
import { type Row, rowsOf } from "../src/picker/protocol";
import { named, rangesOf } from "../src/picker/scatter_figure";
import { Index } from "../src/picker/search";

const rows: Row[] = rowsOf({
  name: ["small", "middle", "large", "worse", "bare"],
  parameters: [2e6, 10e6, 90e6, 40e6, 5e6],
  macs: [0.3e9, 2e9, 20e9, 9e9, 0],
  top1: [65, 75, 85, 70, null],
  kind: ["cnn", "cnn", "transformer", "hybrid", "mlp"],
  license: ["mit", "cc-by-nc-4.0", "mit", "odd", ""],
  license_kind: ["permissive", "non-commercial", "permissive", "restricted", ""],
  weights_bytes: [8e6, 40e6, 360e6, 160e6, 0],
  cached: [0, 1, 0, 0, 0],
  pretrained: [1, 1, 1, 1, 0],
});
const index = new Index(rows);
const left = (filters: object) => passing(rows, index, { ...NO_FILTERS, ...filters }).map(({ name }) => name);

test("each filter leaves what passes it, and what is not known does not pass", () => {
  assert.equal(left({}).length, 5);
  assert.deepEqual(left({ kind: "cnn" }), ["small", "middle"]);
  assert.deepEqual(left({ license: "permissive" }), ["small", "large"]);
  assert.deepEqual(left({ license: "commercial" }), ["small", "large", "worse"]);
  assert.deepEqual(left({ parametersM: 10 }), ["small", "middle", "bare"]);
  assert.deepEqual(left({ macsG: 2 }), ["small", "middle"]);
  assert.deepEqual(left({ cached: true }), ["middle"]);
  assert.deepEqual(left({ words: "larg" }), ["large"]);
});

test("filters that leave nothing say which of them is in the way", () => {
  const filters = { ...NO_FILTERS, license: "permissive" as const, cached: true, parametersM: 20 };
  assert.deepEqual(setFilters(filters), ["license", "parametersM", "cached"]);
  assert.deepEqual(inTheWay(rows, index, filters), { name: "license", left: 1 });
  assert.deepEqual(inTheWay(rows, index, { ...NO_FILTERS, kind: "transformer", parametersM: 20 }), { name: "kind", left: 3 });
  assert.equal(inTheWay(rows, index, { ...NO_FILTERS, kind: "mlp", words: "large", cached: true }), undefined);
});

test("rows without a figure come last either way, and those that are here first when offline", () => {
  const names = (down: boolean, offline: boolean) => ordered(rows, { key: "top1", down }, {}, offline).map(({ name }) => name);
  assert.deepEqual(names(true, false), ["large", "middle", "worse", "small", "bare"]);
  assert.deepEqual(names(false, false), ["small", "worse", "middle", "large", "bare"]);
  assert.deepEqual(names(true, true), ["middle", "large", "worse", "small", "bare"]);
  const bySpeed = ordered(rows, { key: "speed", down: true }, { small: 90, worse: 200 }, false);
  assert.deepEqual(bySpeed.slice(0, 2).map(({ name }) => name), ["worse", "small"]);
});

const points = rows.slice(0, 4).map((row) => ({ row, x: row.macs / 1e9, y: row.top1 }));

test("the front holds what nothing else beats, cost going up or speed going down", () => {
  assert.deepEqual(front(points, false).map(({ row }) => row.name), ["small", "middle", "large"]);
  const speeds = points.map((point) => ({ ...point, x: 100 / point.x }));
  assert.deepEqual(front(speeds, true).map(({ row }) => row.name), ["small", "middle", "large"]);
  assert.deepEqual(front([], false), []);
});

test("names in the picture have room, and never lie on one another", () => {
  const many = Array.from({ length: 200 }, (_, at) => ({ row: rows[0]!, x: 1.05 ** at, y: 60 + at / 10 }));
  const frame = { axis: "macs" as const, ranges: rangesOf(many, many), theme: {} as never, width: 600, height: 400 };
  const few = [...named(many, frame)];
  assert.ok(few.length > 5 && few.length < 40, String(few.length));
  const covered = few[3]!;
  const chosen = { ...covered, y: covered.y + 15 * ((frame.ranges.y[1] - frame.ranges.y[0]) / frame.height) };
  assert.ok(!named(many, frame, chosen).has(covered), "the chosen one's name lies there");
});

test("a few hopeless ones do not squeeze the picture, but what is kept is in it", () => {
  const crowd = Array.from({ length: 200 }, (_, at) => ({ row: rows[0]!, x: 1 + at, y: 70 + at / 20 }));
  const lost = { row: rows[1]!, x: 5, y: 12 };
  assert.ok(rangesOf([...crowd, lost], []).y[0] > 60);
  assert.ok(rangesOf([...crowd, lost], [lost]).y[0] < 12);
});
