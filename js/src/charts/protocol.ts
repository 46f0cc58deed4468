// What the kernel and the page say to each other: the page's half of widgets/chart_messages.py.

export type Mark = [step: number, label: string];

/** What every message about a run carries, once the run has been read. */
export interface Standing {
  status: string;
  totalSteps: number;
  stepsPerEpoch: number;
  batchSize: number;
}

export interface Snapshot extends Partial<Standing> {
  kind: "snapshot";
  run: number;
  /** -1 while the run is being read for the first time. */
  seq: number;
  marks: Mark[];
  trouble: string;
}

export interface Delta extends Standing {
  kind: "delta";
  run: number;
  after: number;
  seq: number;
  marks: Mark[];
  trouble: string;
  /** Whether a third buffer holds a new curve of planned learning rates. */
  planned: boolean;
}

export interface Window {
  kind: "window";
  id: number;
  run: number;
  first: number;
  last: number;
}

export interface Refusal {
  kind: "error";
  error: string;
}

export type Message = Snapshot | Delta | Window | Refusal;

/** Columns of an epoch's row; the measures follow. */
export const EPOCH_STEP = 0;
export const EPOCH = 1;
export const BEST = 2;
export const MEASURES = [
  "accuracy", "macro_f1", "precision", "recall", "top5", "roc_auc", "train_loss", "val_loss",
] as const;
export type Measure = (typeof MEASURES)[number];
export const EPOCH_COLUMNS = 3 + MEASURES.length;

/** Numbers of a buffer; copied, since a buffer may begin anywhere in a larger one. */
export function numbers(buffer: DataView | undefined): Float64Array {
  if (!buffer) return new Float64Array(0);
  return new Float64Array(buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength) as ArrayBuffer);
}
