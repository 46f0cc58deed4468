// What the page knows of one run: a snapshot and the deltas that continue it.

import { Digest, refined, type Rows } from "../lib/digest";
import {
  type Delta, EPOCH, EPOCH_COLUMNS, type Mark, type Measure, MEASURES, numbers, type Snapshot, type Standing,
} from "./protocol";

const MOST_MARKS = 200;

/** A part of the time line in more detail than the rest. */
interface Detail {
  first: number;
  last: number;
  rows: Rows;
}

export class RunData {
  seq = -1;
  standing: Standing = { status: "", totalSteps: 0, stepsPerEpoch: 0, batchSize: 0 };
  digest = new Digest();
  /** One array per epoch, columns as the protocol has them. */
  epochs: Float64Array[] = [];
  /** Step and rate, one after the other. */
  planned: Rows = new Float64Array(0);
  marks: Mark[] = [];
  trouble = "";
  private detail: Detail | undefined;

  get known(): boolean {
    return this.seq >= 0;
  }

  /** Replace everything. */
  reset(message: Snapshot, buffers: DataView[]): void {
    this.trouble = message.trouble;
    if (message.seq < 0) return;
    this.seq = message.seq;
    this.marks = message.marks;
    this.standing = standingOf(message, this.standing);
    this.digest = new Digest();
    this.digest.extend(numbers(buffers[0]));
    this.epochs = epochsOf(numbers(buffers[1]));
    this.planned = numbers(buffers[2]);
    this.detail = undefined;
  }

  /** Add what is new; false where something was missed, and a snapshot is needed. */
  add(message: Delta, buffers: DataView[]): boolean {
    if (!this.known || message.after > this.seq) return false;
    this.trouble = message.trouble;
    this.standing = standingOf(message, this.standing);
    if (message.seq <= this.seq) return true;
    this.seq = message.seq;
    this.digest.extend(numbers(buffers[0]));
    for (const epoch of epochsOf(numbers(buffers[1]))) {
      this.epochs = this.epochs.filter((old) => (old[EPOCH] ?? 0) < (epoch[EPOCH] ?? 0));
      this.epochs.push(epoch);
    }
    this.marks = [...this.marks, ...message.marks].slice(-MOST_MARKS);
    if (message.planned) this.planned = numbers(buffers[2]);
    return true;
  }

  /** Show the steps between two in more detail. */
  refine(first: number, last: number, rows: Rows): void {
    this.detail = { first, last, rows };
  }

  /** Rows to draw. */
  get rows(): Rows {
    const detail = this.detail;
    return detail ? refined(this.digest.rows, detail.first, detail.last, detail.rows) : this.digest.rows;
  }
}

/** A measure of an epoch. */
export function measure(epoch: Float64Array, name: Measure): number {
  return epoch[EPOCH_COLUMNS - MEASURES.length + MEASURES.indexOf(name)] ?? Number.NaN;
}

function standingOf(message: Partial<Standing>, before: Standing): Standing {
  const { status, totalSteps, stepsPerEpoch, batchSize } = { ...before, ...message };
  return { status, totalSteps, stepsPerEpoch, batchSize };
}

function epochsOf(table: Float64Array): Float64Array[] {
  const made: Float64Array[] = [];
  for (let place = 0; place < table.length; place += EPOCH_COLUMNS) {
    made.push(table.slice(place, place + EPOCH_COLUMNS));
  }
  return made;
}
