// Models found by what people type: spaces, halves of names, slips of the finger.

import assert from "node:assert/strict";
import { test } from "node:test";

import { type Row, rowsOf } from "../src/picker/protocol";
import { Index, Rank, slips } from "../src/picker/search";

const NAMES: [name: string, isDefault: boolean, pretrained: boolean, top1: number][] = [
  ["resnet18.a1_in1k", true, true, 71.5], ["resnet18.fb_swsl_ig1b_ft_in1k", false, true, 73.3],
  ["resnet18d.ra2_in1k", true, true, 72.3], ["resnet180x", true, false, Number.NaN],
  ["tv_resnet18.IMAGENET1K_V1", true, true, 69.8], ["seresnet18", true, false, Number.NaN],
  ["efficientnet_b0.ra_in1k", true, true, 77.7], ["tf_efficientnet_b0.ns_jft_in1k", true, true, 78.7],
  ["efficientnet_b1.ft_in1k", true, true, 78.8], ["vit_small_patch16_224.augreg_in1k", true, true, 78.8],
];

const rows: Row[] = rowsOf({
  name: NAMES.map(([name]) => name),
  default: NAMES.map(([, is]) => Number(is)),
  pretrained: NAMES.map(([, , is]) => Number(is)),
  top1: NAMES.map(([, , , top1]) => top1),
  kind: { words: ["cnn", "transformer"], at: NAMES.map(([name]) => (name.startsWith("vit") ? 1 : 0)) },
  license: { words: ["mit"], at: NAMES.map(() => 0) },
  cached: NAMES.map(([name]) => Number(name.startsWith("efficientnet_b1"))),
});
const index = new Index(rows);
const names = (query: string, offline = false) => index.find(query, offline).map(({ row }) => row.name);

test("columns become rows, whether told in full or as words and places", () => {
  assert.equal(rows.length, NAMES.length);
  assert.deepEqual([rows[0]?.architecture, rows[0]?.tag, rows[0]?.kind], ["resnet18", "a1_in1k", "cnn"]);
  assert.deepEqual([rows[3]?.tag, rows[3]?.pretrained, rows[3]?.top1], ["", false, Number.NaN]);
  assert.equal(rows.at(-1)?.kind, "transformer");
  assert.deepEqual(rowsOf({}), []);
});

test("a name in spaces, capitals and halves is found", () => {
  assert.equal(names("efficient net b0")[0], "efficientnet_b0.ra_in1k");
  assert.equal(names("EfficientNet-B0")[0], "efficientnet_b0.ra_in1k");
  assert.equal(names("timm/resnet18")[0], "resnet18.a1_in1k");
  assert.equal(names("vit 224")[0], "vit_small_patch16_224.augreg_in1k");
  assert.equal(names("transformer mit")[0], "vit_small_patch16_224.augreg_in1k");
});

test("the name itself comes first, its default weights before others, those without weights last", () => {
  assert.deepEqual(names("resnet18"), [
    "resnet18.a1_in1k", "resnet18.fb_swsl_ig1b_ft_in1k", "resnet18d.ra2_in1k", "tv_resnet18.IMAGENET1K_V1",
    "resnet180x", "seresnet18",
  ]);
  assert.equal(index.find("resnet18")[0]?.rank, Rank.Exact);
});

test("what is here comes first where nothing can be fetched", () => {
  assert.equal(names("efficientnet")[0], "efficientnet_b0.ra_in1k");
  assert.equal(names("efficientnet", true)[0], "efficientnet_b1.ft_in1k");
});

test("slips are forgiven where nothing else answers, and marked as such", () => {
  const found = index.find("resnt18");
  assert.deepEqual([found[0]?.row.name, found[0]?.rank], ["resnet18.a1_in1k", Rank.Alike]);
  assert.equal(index.find("resnt")[0]?.row.name, "resnet18.a1_in1k", "half a name with a slip");
  assert.equal(index.find("efficeintnet_b0")[0]?.row.name, "efficientnet_b0.ra_in1k");
  assert.deepEqual(names("qqqqqqqq"), []);
  assert.deepEqual(names("rex"), [], "three letters are too few for a slip");
  assert.deepEqual(names("  "), []);
});

test("letters left out, put in, changed and swapped each count once", () => {
  assert.equal(Math.floor(slips("resnet", "resnet", 2)), 0);
  for (const typed of ["rsnet", "ressnet", "rasnet", "ersnet"]) assert.equal(Math.floor(slips(typed, "resnet", 2)), 1);
  assert.equal(slips("convnext", "resnet", 2), Number.POSITIVE_INFINITY);
});
