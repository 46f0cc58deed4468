// Edits and other turns of a run as thin upright lines on the time line.

import type { Line, Options } from "./lines";
import { scaled } from "./lines";
import type { RunData } from "./run_data";

/** One line for all marks of a run; it lies on the axis of shares, so that it fills the height. */
export function marksOf(run: RunData, place: number, several: boolean, options: Options): Line {
  const at = new Map<number, string[]>();
  for (const [step, label] of run.marks) at.set(step, [...(at.get(step) ?? []), label]);
  const x: number[] = [];
  const y: number[] = [];
  const labels: string[] = [];
  for (const [step, words] of at) {
    const where = scaled(step, run, options);
    const said = [...new Set(words)].join("; ");
    x.push(where, where, Number.NaN);
    y.push(0, 1, Number.NaN);
    labels.push(said, said, "");
  }
  return {
    key: "edits", run: place, name: several ? "·" : "edit:", x, y, labels,
    colour: "", dash: "dot", width: 1, opacity: 0.6, axis: "y3", format: String,
  };
}
