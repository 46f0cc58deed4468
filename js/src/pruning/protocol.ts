// What the kernel tells of a pruning; see nbfinetune/widgets/pruning_page.py.

export type Phase = "no_run" | "no_best" | "idle" | "starting" | "measuring" | "ready" | "failed";
export type Target = "macs" | "parameters" | "latency";
export type Method = "structured" | "depth" | "unstructured";

/** Settings, where the study stands, and what can't be done now. */
export interface State {
  run: string;
  phase: Phase;
  /** A sentence for the phase, or why it failed. */
  said: string;
  /** What has been measured so far, as a sentence. */
  progress: string;
  method: Method;
  target: Target;
  criterion: string;
  criteria: [name: string, label: string, help: string][];
  amount: number;
  uniform: boolean;
  recoverEpochs: number;
  gradual: boolean;
  /** What became of the newest request. */
  note: string;
  errors: Record<string, string>;
  /** Why something can't be done now; "" where it can. */
  off: { recover?: string; live?: string; latency?: string; study?: string };
}

export interface Whole {
  parameters: number;
  macs: number;
  bytes: number;
  accuracy: number | null;
  /** Validation images that its accuracy was measured on. */
  images: number;
}

/** What would be left, by amount; empty until it is known. Accuracies lie in [0, 1]. */
export interface Board {
  target?: Target;
  amounts?: number[];
  parameters?: number[];
  macs?: number[];
  bytes?: number[];
  accuracy?: (number | null)[];
  low?: (number | null)[];
  high?: (number | null)[];
  /** Units that each layer keeps. */
  left?: Record<string, number[]>;
  /** Weights that become zero, of method "unstructured". */
  zeros?: number[];
  whole?: Whole;
}

/** One amount, on the board's axis, that was tried. */
export type Point = [amount: number, accuracy: number, images: number];

export type Latency = [amount: number, batch: number, beforeMs: number, afterMs: number];

export interface Layer {
  name: string;
  units: number;
  kind: string;
  protected: boolean;
  /** What the importance of its units is multiplied with: above 1 it loses less. */
  push: number;
  /** Accuracy lost when half of this layer alone goes. */
  sensitivity: number | null;
}

/** The run that was pruned; empty where there is none. */
export interface Outcome {
  run?: string;
  status?: string;
  /** Part of its training that is done. */
  part?: number;
  rows?: { label: string; before: string; cut: string; after: string }[];
  amount?: number;
  accuracy?: number | null;
}

/** Whether a board shows what the state says; until a time is measured, one of times is one of MACs. */
export function isOf(board: Board, { method, target }: State): boolean {
  if (method === "unstructured" || board.zeros) return Boolean(board.zeros) === (method === "unstructured");
  return board.target === target || (target === "latency" && board.target === "macs");
}
