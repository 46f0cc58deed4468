// The steps of a run in a bounded number of buckets: the page's half of widgets/digest.py.

/** Columns of a row, as `DIGEST` of the run store names them. */
export const FIRST = 0;
export const LAST = 1;
export const COUNT = 2;
export const LOSS_LOW = 3;
export const LOSS_HIGH = 4;
export const LOSS_SUM = 5;
export const LR_SUM = 6;
export const SPEED_SUM = 7;
export const WAIT_SUM = 8;
export const MEMORY_HIGH = 9;
export const COLUMNS = 10;

/** Each bucket is drawn as two points, about 2,000 a line. */
export const MOST_BUCKETS = 1024;

const LOWEST = [FIRST, LOSS_LOW];
const HIGHEST = [LAST, LOSS_HIGH, MEMORY_HIGH];
const SUMS = [COUNT, LOSS_SUM, LR_SUM, SPEED_SUM, WAIT_SUM];

/** Rows one after the other in one array. */
export type Rows = Float64Array;

/** Rows of a run, coarsened as they become too many; extremes and sums stay exact. */
export class Digest {
  rows: Rows = new Float64Array(0);
  private width = 1;

  get size(): number {
    return this.rows.length / COLUMNS;
  }

  get lastStep(): number {
    return this.size ? at(this.rows, this.size - 1, LAST) : 0;
  }

  /** Take in rows of later steps. */
  extend(rows: Rows): void {
    this.rows = merged(joined([this.rows, rows]), this.width);
    while (this.size > MOST_BUCKETS) {
      this.width *= 2;
      this.rows = merged(this.rows, this.width);
    }
  }
}

/** One cell of some rows. */
export function at(rows: Rows, row: number, column: number): number {
  return rows[row * COLUMNS + column] ?? Number.NaN;
}

/** Mean of a summed measure in one bucket. */
export function mean(rows: Rows, row: number, column: number): number {
  return at(rows, row, column) / at(rows, row, COUNT);
}

/** Rows with those of one bucket of `width` steps made one. */
export function merged(rows: Rows, width: number): Rows {
  const made = rows.slice();
  let size = 0;
  let key = Number.NaN;
  for (let row = 0; row < rows.length / COLUMNS; row += 1) {
    const its = Math.floor(at(rows, row, FIRST) / width);
    if (its === key) add(made, size - 1, rows, row);
    else made.set(rows.subarray(row * COLUMNS, (row + 1) * COLUMNS), size++ * COLUMNS);
    key = its;
  }
  return made.slice(0, size * COLUMNS);
}

function add(into: Rows, row: number, from: Rows, other: number): void {
  const put = (column: number, pick: (a: number, b: number) => number) => {
    into[row * COLUMNS + column] = pick(at(into, row, column), at(from, other, column));
  };
  for (const column of LOWEST) put(column, (a, b) => (b < a || Number.isNaN(a) ? b : a));
  for (const column of HIGHEST) put(column, (a, b) => (b > a || Number.isNaN(a) ? b : a));
  for (const column of SUMS) put(column, (a, b) => a + b);
}

/** Rows with those between two steps replaced by finer ones; none may overlap, or lines would run backwards. */
export function refined(rows: Rows, first: number, last: number, fine: Rows): Rows {
  const before: number[] = [];
  const after: number[] = [];
  for (let row = 0; row < rows.length / COLUMNS; row += 1) {
    const cells = rows.subarray(row * COLUMNS, (row + 1) * COLUMNS);
    if (at(rows, row, LAST) < first) before.push(...cells);
    else if (at(rows, row, FIRST) > last) after.push(...cells);
  }
  return joined([Float64Array.from(before), fine, Float64Array.from(after)]);
}

/** Exponential moving average over steps, debiased as TensorBoard does it; a bucket weighs as much as its steps. */
export function smoothed(rows: Rows, valueOf: (row: number) => number, smoothing: number): number[] {
  let average = 0;
  let kept = 1;
  const made: number[] = [];
  for (let row = 0; row < rows.length / COLUMNS; row += 1) {
    const value = valueOf(row);
    const weight = smoothing ** at(rows, row, COUNT);
    if (Number.isFinite(value)) {
      average = weight * average + (1 - weight) * value;
      kept *= weight;
    }
    made.push(kept < 1 ? average / (1 - kept) : value);
  }
  return made;
}

function joined(parts: Rows[]): Rows {
  const made = new Float64Array(parts.reduce((total, part) => total + part.length, 0));
  let place = 0;
  for (const part of parts) {
    made.set(part, place);
    place += part.length;
  }
  return made;
}
