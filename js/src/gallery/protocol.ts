// What the kernel's side of a gallery says: traits of widgets/gallery_page.py and its messages.

export interface About {
  title: string;
  total: number;
  complete: boolean;
  trouble: string;
  /** Name, and counts of `PARTS`. */
  classes: [string, number, number, number][];
}

/** What was asked for, how much answers it, and a number that grows with every change of rows. */
export interface OnShow<Query = { label: string }> {
  query: Query;
  version: number;
  shown: number;
}

export interface Selected {
  count: number;
  /** First and last place of each stretch on show. */
  spans: [number, number][];
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

/** Id, name, class number, part number, marks, and what only some galleries know. */
export type Row = [number, string, number, number, number, ...unknown[]];

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
