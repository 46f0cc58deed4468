// What the kernel's side of an evaluation says besides what every gallery's does: traits of widgets/evaluation_page.py.

import type { Opened, Row } from "../gallery/protocol";

export type Group = "all" | "mistakes" | "uncertain" | "cell" | "label_errors";

export interface Query {
  group: Group;
  /** A class's name; "" for any. */
  label: string;
  predicted: string;
}

export interface State {
  phase: "measuring" | "ready" | "failed";
  words: string;
  done: number;
  /** 0 while unknown. */
  of: number;
  /** The run has a better model by now. */
  newer?: boolean;
}

export interface Figure {
  name: string;
  words: string;
  /** null where it is undefined; the note says why. */
  value: number | null;
  /** null until it is known. */
  low: number | null;
  high: number | null;
  note: string;
}

export interface Confusion {
  classes: string[];
  /** Label and predicted class, as places in `classes`, and how many images; none where there are none. */
  cells: [number, number, number][];
  /** Classes in all: the most confused are here. */
  of: number;
  words: string;
}

/** Class number, precision, recall, F1, images, ROC-AUC, and the class that it is taken for most with how many of them. */
export type PerClass = [
  number, number | null, number | null, number | null, number, number | null, [number, number] | null,
];

export interface Calibration {
  ece: number | null;
  /** null until it is known. */
  temperature: number | null;
  /** Mean confidence, accuracy, images. */
  bins: [number, number, number][];
}

export interface LabelErrors {
  state: "none" | "running" | "done" | "failed" | "unavailable";
  words: string;
  done: number;
  of: number;
  likely: number;
  listed: number;
}

export interface Again {
  state: "none" | "ready" | "running" | "done" | "failed";
  /** A sentence; where it is ready, the button's. */
  words: string;
  run: string;
}

/** Class number and probability, the highest first. */
export type Score = [number, number];

export interface OpenedHere extends Opened {
  scores: Score[];
}

export interface Explained {
  kind: "explained";
  image: number;
  target: string;
  /** As it was asked for; `method` is what that came to. */
  asked: string;
  method: string;
  class_name: string;
  probability: number;
  layer: string;
}

/** What the model made of a row's image, and what its label may rather be. */
export interface Judgement {
  predicted: number | null;
  probability: number | null;
  suggested: number | null;
  score: number | null;
}

export function judgement(row: Row): Judgement {
  const [predicted, probability, suggested, score] = row.slice(5) as (number | null | undefined)[];
  return { predicted: predicted ?? null, probability: probability ?? null, suggested: suggested ?? null, score: score ?? null };
}
