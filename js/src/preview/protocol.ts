// What a preview's kernel side says besides what every gallery's does: traits of widgets/preview_page.py.

export interface Query {
  search: string;
  label: string;
  part: string;
  finding: string;
  sort: string;
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
