// What the kernel tells of a curve; see nbfinetune/widgets/lr_schedule_editor.py.

import type { AnyModel } from "@anywidget/types";

import type { AxisKind } from "./axes";
import type { Knot } from "./curve";

export interface Curve {
  points: Knot[];
  epochs: number;
  stepsPerEpoch: number;
  groups: [name: string, multiple: number][];
}

/** A run that is followed; empty where there is none. */
export interface Course {
  status?: string;
  live?: boolean;
  stepsPerEpoch?: number;
  points?: Knot[];
  epochs?: number;
}

export interface Finder {
  busy?: boolean;
  points?: [rate: number, loss: number][];
  suggestions?: [rule: string, rate: number][];
  lr?: number | null;
  sentence?: string;
}

export interface Button {
  name: string;
  label: string;
  help: string;
  enabled: boolean;
}

export interface State {
  values: Record<string, string | boolean>;
  errors: Record<string, string>;
  notes: Record<string, string>;
  refused: boolean;
  hidden: string[];
  live: boolean;
  undoable: boolean;
  redoable: boolean;
  resettable: boolean;
  axis: AxisKind;
  auto: boolean;
  buttons: Button[];
  findable: boolean;
}

/** Everything that a picture of the curve shows. */
export interface Picture {
  knots: Knot[];
  epochs: number;
  stepsPerEpoch: number;
  groups: Curve["groups"];
  axis: AxisKind;
  course: Course;
  /** Epochs taken and the rate there, of a run that is followed. */
  past: [epoch: number, rate: number][];
  /** Part of the run that is done and fixed; 0 where nothing is. */
  now: number;
  finder: Finder;
}

/** The picture that the kernel's traits make. */
export function pictureOf(model: AnyModel): Picture {
  const curve = model.get("curve") as Curve;
  const course = model.get("course") as Course;
  const state = model.get("state") as State;
  const perEpoch = course.stepsPerEpoch ?? 0;
  const past: Picture["past"] = perEpoch
    ? (model.get("past") as [number, number][]).map(([step, rate]) => [step / perEpoch, rate])
    : [];
  const [step, rate] = model.get("now") as [number, number | null];
  if (perEpoch && step && rate !== null && rate !== undefined) past.push([step / perEpoch, rate]);
  return {
    knots: curve.points,
    epochs: curve.epochs,
    stepsPerEpoch: curve.stepsPerEpoch,
    groups: curve.groups,
    axis: state.axis,
    course,
    past,
    now: course.live && perEpoch ? Math.min(1, (step ?? 0) / perEpoch / curve.epochs) : 0,
    finder: model.get("finder") as Finder,
  };
}
