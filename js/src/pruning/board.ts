// What would be left at an amount, read off the board that the kernel sent ahead: pure.

import type { Board, Latency, Point } from "./protocol";

/** The slider's end: what a person may ask for, though seldom all of it can go. */
export const END = 0.95;
/** Amounts this close are the same position. */
const SAME = 0.005;

/** What is left at one position; null where it is not known. */
export interface Standing {
  parameters: number | null;
  macs: number | null;
  bytes: number | null;
  zeros: number | null;
  accuracy: number | null;
  low: number | null;
  high: number | null;
}

const COLUMNS = ["parameters", "macs", "bytes", "zeros", "accuracy", "low", "high"] as const;

/** The largest amount that can go; the slider's end where nothing is known. */
export function mostOf({ amounts }: Board): number {
  return amounts?.at(-1) ?? END;
}

/** An amount that can be had: whole hundredths, not below 0 and not above what can go. */
export function held(board: Board, amount: number): number {
  const most = Math.min(END, Math.floor(100 * mostOf(board) + 1e-6) / 100);
  return Math.min(most, Math.max(0, Math.round(100 * amount) / 100));
}

/** What is left at an amount, between the board's positions by a straight line. */
export function standingAt(board: Board, amount: number): Standing {
  const place = placeOf(board.amounts ?? [], amount);
  const read = (column: readonly (number | null)[] | undefined) => between(column, place);
  return Object.fromEntries(COLUMNS.map((name) => [name, read(board[name])])) as unknown as Standing;
}

/** Units of a layer that are left, at the nearest position; undefined where it is not known. */
export function leftAt(board: Board, layer: string, amount: number): number | undefined {
  const place = placeOf(board.amounts ?? [], amount);
  return board.left?.[layer]?.[Math.round(place)];
}

/** The try at an amount, if there was one. */
export function measuredAt(points: readonly Point[], amount: number): Point | undefined {
  return points.filter(([at]) => Math.abs(at - amount) < SAME).at(-1);
}

export interface Timed {
  before: number | null;
  after: number | null;
  /** The amount itself was timed, rather than its neighbours. */
  exact: boolean;
}

/** Milliseconds of a batch at an amount; between amounts that were timed by a straight line, beyond them unknown. */
export function latencyAt(latencies: readonly Latency[], batch: number, amount: number): Timed {
  const its = latencies.filter((one) => one[1] === batch);
  const last = its.at(-1);
  if (!last) return { before: null, after: null, exact: false };
  const timed = new Map([[0, last[2]], ...its.map(([at, , , after]): [number, number] => [at, after])]);
  const [amounts, after] = [[...timed.keys()].sort((a, b) => a - b), (at: number) => timed.get(at) as number];
  const exact = its.filter(([at]) => Math.abs(at - amount) < SAME).at(-1);
  if (exact || amount === 0) return { before: last[2], after: exact ? exact[3] : last[2], exact: true };
  const inside = amount < (amounts.at(-1) ?? 0);
  return { before: last[2], after: inside ? between(amounts.map(after), placeOf(amounts, amount)) : null, exact: false };
}

/** Where a value lies among rising ones: 2.5 is halfway from the third to the fourth. */
function placeOf(rising: readonly number[], value: number): number {
  const next = rising.findIndex((one) => one >= value);
  if (next === 0 || !rising.length) return 0;
  if (next < 0) return rising.length - 1;
  const [low, high] = [rising[next - 1] as number, rising[next] as number];
  return next - (high - value) / (high - low);
}

function between(values: readonly (number | null)[] | undefined, place: number): number | null {
  const [low, high] = [values?.[Math.floor(place)] ?? null, values?.[Math.ceil(place)] ?? null];
  if (low === null || high === null) return low ?? high;
  return low + (high - low) * (place - Math.floor(place));
}
