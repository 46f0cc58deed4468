// What a predictor's kernel side says: traits of widgets/predictor_page.py and its messages.

export interface About {
  /** Name of the architecture. */
  model: string;
  run: string;
  classes: string[];
  /** Whether the page may name folders of the kernel's machine. */
  folders: boolean;
  /** Why nothing can be predicted; "" where all is well. */
  trouble: string;
}

/** Number of a class and its probability. */
export type Score = [number, number];

export interface Shown {
  id: number;
  name: string;
  width: number;
  height: number;
  /** What was done to the picture before it was sent. */
  note: string;
  state: "waiting" | "answered" | "failed";
  /** Why it failed. */
  reason: string;
  /** The most probable classes, the first first. */
  top: Score[];
}

export interface Engine {
  phase: "idle" | "starting" | "ready" | "failed";
  /** What it is busy with, or why it can't be asked. */
  words: string;
}

export interface FolderWork {
  state: "none" | "running" | "done" | "cancelled" | "failed";
  words: string;
  done: number;
  /** 0 until the images are counted. */
  of: number;
  /** Name of the CSV file that can be fetched; "" while there is none. */
  csv: string;
}

/** Where the model looked for a class; `words` says why that can't be told. */
export interface Explained {
  kind: "explained";
  id: number;
  /** As it was asked; "" for the predicted class. */
  target: string;
  class_name: string;
  probability: number;
  method: string;
  words: string;
}

export type Message =
  | { kind: "pictures"; keys: string[]; reasons: string[] }
  | { kind: "scores"; id: number }
  | Explained
  | { kind: "csv"; first: boolean; last: boolean };

/** Probabilities as people read them: 97.3 %, and never 100 % of what is not sure. */
export function percent(probability: number): string {
  const value = 100 * probability;
  if (value > 99.9 && probability < 1) return "> 99.9 %";
  if (value < 0.1 && probability > 0) return "< 0.1 %";
  return `${value.toFixed(1)} %`;
}
