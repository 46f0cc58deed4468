// What hands do to a curve: every edit gives new knots, in order, or the old ones where it can't be.

import { type Knot, type Piece, rateAt } from "./curve";

/** A curve, how long it lasts, and where the present is (a part of the run; before it all is fixed). */
export interface Edited {
  knots: Knot[];
  epochs: number;
}

/** Knots at one place make a jump; a third there would mean nothing. */
const GAP = 1e-4;
/** A logarithmic piece never reaches 0. */
const LEAST = 1e-9;

/** Whether a knot may still be touched. */
export function isFree(knots: Knot[], place: number, now: number): boolean {
  return now <= 0 || (knots[place] as Knot)[0] > now;
}

/** The first knot that may be touched. */
export function firstFree(knots: Knot[], now: number): number {
  const place = knots.findIndex((_, i) => isFree(knots, i, now));
  return place < 0 ? knots.length : place;
}

/** A knot moved to another place and rate, as far as its neighbours let it. */
export function moved(knots: Knot[], place: number, at: number, rate: number, now: number): Knot[] {
  const [from, to] = limits(knots, place, now);
  const [, , piece] = knots[place] as Knot;
  const made = knots.slice();
  made[place] = [Math.min(to, Math.max(from, at)), lifted(knots, place, rate), piece];
  return made;
}

/** A piece moved as a whole: both its knots, by as much as both can go. */
export function pieceMoved(knots: Knot[], left: number, by: number, factor: (rate: number) => number, now: number): Knot[] {
  const pair = [left, left + 1].filter((place) => isFree(knots, place, now));
  const room = pair.map((place) => {
    const [at] = knots[place] as Knot;
    const [from, to] = limits(knots, place, now, pair);
    return [from - at, to - at] as const;
  });
  const shift = Math.min(...room.map(([, most]) => most), Math.max(...room.map(([least]) => least), by));
  const made = knots.slice();
  for (const place of pair) {
    const [at, rate, piece] = knots[place] as Knot;
    made[place] = [at + shift, lifted(knots, place, factor(rate)), piece];
  }
  return made;
}

/** A knot on the curve where there was none; its piece goes on as before. */
export function added(knots: Knot[], at: number, rate: number): { knots: Knot[]; place: number } {
  const place = knots.findIndex(([there]) => there > at);
  const index = place < 0 ? knots.length : place;
  const piece = (knots[Math.max(0, index - 1)] as Knot)[2];
  const made = knots.slice();
  made.splice(index, 0, [at, piece === "log" ? Math.max(rate, LEAST) : rate, piece]);
  return tooCrowded(made) ? { knots, place: Math.max(0, index - 1) } : { knots: made, place: index };
}

/** The same beside a live run, whose rate does not jump because of it. */
export function addedLive(knots: Knot[], at: number, rate: number, now: number): { knots: Knot[]; place: number } {
  const next = knots[firstFree(knots, now)];
  return added(now > 0 && (!next || at < next[0]) ? splitAt(knots, now) : knots, at, rate);
}

/** Without a knot; the last one stays. */
export function removed(knots: Knot[], place: number): Knot[] {
  if (knots.length < 2) return knots;
  return knots.filter((_, i) => i !== place).map((knot, i, rest) => (dies(rest, i) ? [knot[0], knot[1], "linear"] : knot));
}

/** With another way from a knot to the next. */
export function withPiece(knots: Knot[], place: number, piece: Piece): Knot[] {
  return knots.map((knot, i) => (i === place ? [knot[0], knot[1], piece] : knot));
}

/** Whether a logarithmic piece begins at a knot and can't be, since an end of it is 0. */
function dies(knots: Knot[], place: number): boolean {
  const [, rate, piece] = knots[place] as Knot;
  const next = knots[place + 1];
  return piece === "log" && next !== undefined && !(rate * next[1] > 0);
}

/** The same curve with a knot at the present, so that what comes can change without a jump now. */
export function splitAt(knots: Knot[], now: number): Knot[] {
  const before = knots[firstFree(knots, now) - 1];
  if (now <= 0 || (before && before[0] >= now - GAP)) return knots;
  return added(knots, now, rateAt(knots, now)).knots;
}

/** The curve as it is taken hold of at a knot, and where that knot is then; see `splitAt`. */
export function openedAt(knots: Knot[], place: number, now: number): { knots: Knot[]; place: number } {
  if (place !== firstFree(knots, now)) return { knots, place };
  const split = splitAt(knots, now);
  return { knots: split, place: place + split.length - knots.length };
}

/** Another length of the run: what is past keeps its place in time, the rest is stretched. */
export function stretched({ knots, epochs }: Edited, longer: number, now: number): Edited {
  const least = now > 0 ? Math.max(1, Math.ceil(now * epochs - 1e-9)) : 1;
  const length = Math.max(least, longer);
  if (now <= 0 || length === epochs) return { knots, epochs: length };
  const present = (now * epochs) / length;
  const part = (1 - present) / (1 - now);
  const split = splitAt(knots, now);
  const made = split.map(([at, rate, piece]): Knot => {
    const there = at <= now ? (at * epochs) / length : present + (at - now) * part;
    return [Math.min(1, there), rate, piece];
  });
  return { knots: made, epochs: length };
}

/** From where to where a knot can go; `together`: knots that go with it. */
function limits(knots: Knot[], place: number, now: number, together: number[] = []): [number, number] {
  const side = (by: -1 | 1, edge: number): number => {
    const near = knots[place + by];
    if (!near) return edge;
    if (together.includes(place + by)) return edge;
    const far = knots[place + 2 * by];
    return far && far[0] === near[0] ? near[0] - by * GAP : near[0];
  };
  const from = Math.max(side(-1, 0), now > 0 ? Math.min(now + GAP, 1) : 0);
  return [from, Math.max(from, side(1, 1))];
}

function lifted(knots: Knot[], place: number, rate: number): number {
  const touches = (knots[place] as Knot)[2] === "log" || knots[place - 1]?.[2] === "log";
  return touches ? Math.max(rate, LEAST) : Math.max(rate, 0);
}

function tooCrowded(knots: Knot[]): boolean {
  return knots.some(([at], i) => i > 1 && (knots[i - 2] as Knot)[0] === at);
}
