// Figures of an evaluation, and what is said of its images.

import type { Words } from "../gallery/display";
import type { Row } from "../gallery/protocol";
import { count } from "../lib/wording";
import { type Calibration, type Figure, type Group, judgement, type LabelErrors, type Query } from "./protocol";

export const NONE = "–";
/** A blank at which no line breaks. */
const TIED = "\u00a0";
/** Figures that are parts of all images; the others are read as plain numbers. */
const SHARES = new Set(["accuracy", "balanced_accuracy", "top5"]);
/** A difference between what it says and how often it is right that is worth a word. */
const NOTICED = 0.01;

/** A part as "93.4 %". */
export function percent(value: number | null, digits = 1): string {
  return value === null ? NONE : `${(100 * value).toFixed(digits)} %`;
}

/** A probability on a tile: "97 %", and never 100 where something is left. */
export function probable(value: number): string {
  return percent(value, value > 0.99 && value < 0.9995 ? 1 : 0).replace(" ", TIED);
}

/** A figure's value: "93.4 %" or "0.934". */
export function valueOf({ name, value }: Figure): string {
  if (value === null) return NONE;
  return SHARES.has(name) ? percent(value) : value.toFixed(3);
}

/** Where the figure may lie on other images: "91.2 – 95.1 %"; "" until that is known. */
export function intervalOf({ name, low, high }: Figure): string {
  if (low === null || high === null) return "";
  return SHARES.has(name) ? `${(100 * low).toFixed(1)} – ${percent(high)}` : `${low.toFixed(3)} – ${high.toFixed(3)}`;
}

/** What a cell of the confusion matrix holds: "daisy taken for dandelion, 12 images". */
export function cellWords(label: string, predicted: string, images: number): string {
  return `${pairWords(label, predicted)}, ${imagesWords(images)}`;
}

/** "daisy taken for dandelion", and "daisy recognised" on the diagonal. */
export function pairWords(label: string, predicted: string): string {
  return label === predicted ? `${label} recognised` : `${label} taken for ${predicted}`;
}

export function imagesWords(images: number): string {
  return images === 1 ? "1 image" : `${count(images)} images`;
}

export function editsWords(edits: number): string {
  return edits === 1 ? "1 edit" : `${count(edits)} edits`;
}

/** What is said of a picture: its class, and what the model, or the search for label errors, makes of it. */
export function wordsOf(row: Row, nameOf: (number: number) => string, group: Group): Words {
  const label = nameOf(row[2]);
  const { predicted, probability, suggested } = judgement(row);
  if (group === "label_errors" && suggested !== null && suggested !== row[2]) return paired(label, `${nameOf(suggested)}?`, "rather");
  if (predicted === null || probability === null) return { caption: label, label };
  if (predicted !== row[2]) return paired(label, `${nameOf(predicted)}${TIED}${probable(probability)}`, "taken for");
  const sure = `${label}${TIED}${probable(probability)}`;
  return { caption: group === "uncertain" ? sure : label, label: sure };
}

function paired(label: string, other: string, how: string): Words {
  return { caption: `${label} → ${other}`, label: `${label}, ${how} ${other}` };
}

/** How far the search for label errors is. */
export function errorWords({ state, words, likely, listed }: LabelErrors): string {
  if (state === "none") return words || "Finds images whose label is probably wrong.";
  if (state === "running") return words || "Beginning…";
  return state === "done" ? `${count(listed)} ${listed === 1 ? "label looks" : "labels look"} wrong, ${count(likely)} of them likely so. ${words}.` : words;
}

/** What is on show, for where nothing else says it. */
export function orderWords(group: Group): string {
  const words: Partial<Record<Group, string>> = {
    all: "Every image that it was measured on",
    mistakes: "What it took for something else, the most confident first",
    uncertain: "The lowest probabilities first",
  };
  return words[group] ?? "";
}

/** What narrows the images on show, which can be taken back; "" where nothing does. */
export function narrowedWords({ group, label, predicted }: Query): string {
  if (group === "cell") return pairWords(label, predicted);
  return label || (predicted && `taken for ${predicted}`);
}

const NO_ERRORS: Record<LabelErrors["state"], string> = {
  none: "Label errors are not searched for yet.",
  running: "Label errors are being searched for.",
  done: "No label looks wrong.",
  failed: "The search for label errors was not finished.",
  unavailable: "Label errors can’t be searched for here.",
};

/** A sentence for where no image is on show. */
export function nothingWords({ group, label }: Query, errors: LabelErrors["state"]): string {
  if (group === "label_errors") return NO_ERRORS[errors];
  if (group === "mistakes") return label ? `No image of ${label} was taken for anything else.` : "Nothing was taken for anything else.";
  return "No image is like that.";
}

/** The question without what narrows it. */
export function widened({ group }: Query): Query {
  return { group: group === "cell" ? "mistakes" : group, label: "", predicted: "" };
}

/** Whether it knows how often it is right, in a sentence. */
export function calibrationWords({ bins, temperature }: Calibration): string {
  const images = bins.reduce((sum, [, , n]) => sum + n, 0);
  if (!images) return "";
  const mean = (column: 0 | 1) => bins.reduce((sum, bin) => sum + bin[column] * bin[2], 0) / images;
  const [says, is] = [mean(0), mean(1)];
  const kind = says - is > NOTICED ? "Overconfident" : is - says > NOTICED ? "Too cautious" : "It knows how sure it may be";
  const told = `${kind}: it says ${percent(says, 0)} on average and is right in ${percent(is, 0)}.`;
  return temperature === null ? told : `${told} Temperature ${temperature.toFixed(2)}.`;
}
