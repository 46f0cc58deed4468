// What a preview's kernel side says: traits of widgets/preview_page.py and its messages.

export interface About {
  title: string;
  total: number;
  complete: boolean;
  trouble: string;
  /** Name, and counts of `PARTS`. */
  classes: [string, number, number, number][];
}

export interface Query {
  search: string;
  label: string;
  part: string;
  finding: string;
  sort: string;
}

export interface OnShow {
  query: Query;
  version: number;
  shown: number;
}

export interface Selected {
  count: number;
  /** First and last place of each stretch on show. */
  spans: [number, number][];
}

export interface Finding {
  key: string;
  title: string;
  detail: string;
  /** Id of a picture and what is said of it. */
  samples: [number, string][];
  count: number;
  /** Words of the button that does what is suggested; "" where nothing is. */
  action: string;
  kept: boolean;
}

export interface Scan {
  state: "none" | "running" | "done" | "stopped";
  done: number;
  of: number;
  trouble: string;
  /** Width, height and how many images have them. */
  sizes: [number, number, number][];
}

export interface LensState {
  on: boolean;
  preset: string;
  flip: boolean;
  mixes: boolean;
  words: string;
  stamp: number;
}

export interface LastEdit {
  count: number;
  undo: string;
}

export const PARTS = [
  ["train", "training"],
  ["val", "validation"],
  ["left_out", "left out"],
] as const;

/** Bits of a row's marks. */
export const RELABELLED = 1;
export const MOVED = 2;
export const EXCLUDED = 4;

/** Id, name, class number, part number, marks. */
export type Row = [number, string, number, number, number];

export interface Rows {
  kind: "rows";
  version: number;
  first: number;
  rows: Row[];
}

export interface Pictures {
  kind: "pictures";
  keys: string[];
  reasons: string[];
}

export interface Opened {
  kind: "opened";
  place: number;
  row: Row;
  path: string;
  width: number;
  height: number;
  bytes: number;
}

export type Message = Rows | Pictures | Opened | { kind: "plotly" };

/** Last part of a path: a tile has no room for its folders. */
export function fileName(name: string): string {
  return name.slice(Math.max(name.lastIndexOf("/"), name.lastIndexOf("\\")) + 1);
}
