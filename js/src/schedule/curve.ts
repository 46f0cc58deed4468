// Curves through knots: the page's half of nbfinetune/schedules/knots.py, equal to it to 1e-9.

export type Piece = "linear" | "log" | "cosine" | "pchip";

/** Part of the run that is done, learning rate there, and how it goes on to the next. */
export type Knot = [at: number, rate: number, piece: Piece];

export const PIECES: [Piece, string][] = [
  ["linear", "straight"],
  ["log", "exponential"],
  ["cosine", "cosine"],
  ["pchip", "smooth"],
];

/** A knot is reached also where progress, a quotient of two step counts, is rounded down. */
const ROUNDING = 1e-9;

/** Slopes at both ends of each piece, by runs of smooth pieces; 0 for others. */
interface Slopes {
  left: Float64Array;
  right: Float64Array;
}

/** Rates at ascending places, in one walk along the knots. */
export function ratesAt(knots: Knot[], places: ArrayLike<number>): Float64Array {
  const made = new Float64Array(places.length);
  const last = knots.length - 1;
  if (last < 0) return made;
  const slopes = knots.some(([, , piece]) => piece === "pchip") ? slopesOf(knots) : undefined;
  let left = 0;
  for (let i = 0; i < places.length; i += 1) {
    const place = places[i] as number;
    while (left < last - 1 && (knots[left + 1] as Knot)[0] <= place + ROUNDING) left += 1;
    made[i] = rateIn(knots, left, place, slopes);
  }
  return made;
}

/** Rate at one place. */
export function rateAt(knots: Knot[], place: number): number {
  return ratesAt(knots, [place])[0] as number;
}

function rateIn(knots: Knot[], left: number, place: number, slopes: Slopes | undefined): number {
  const first = knots[0] as Knot;
  const end = knots[knots.length - 1] as Knot;
  if (place + ROUNDING >= end[0]) return end[1];
  if (place < first[0]) return first[1];
  const [from, low, piece] = knots[left] as Knot;
  const [to, high] = knots[left + 1] as Knot;
  const width = to - from;
  const part = Math.min(1, Math.max(0, (place - from) / (width > 0 ? width : 1)));
  if (piece === "log") return low * (high / low) ** part;
  if (piece === "cosine") return low + ((high - low) * (1 - Math.cos(Math.PI * part))) / 2;
  if (piece === "linear" || !slopes) return low + (high - low) * part;
  const m0 = (slopes.left[left] as number) * width;
  const m1 = (slopes.right[left] as number) * width;
  const rise = high - low;
  return low + part * (m0 + part * (3 * rise - 2 * m0 - m1 + part * (m0 + m1 - 2 * rise)));
}

function slopesOf(knots: Knot[]): Slopes {
  const count = knots.length - 1;
  const slopes = { left: new Float64Array(count), right: new Float64Array(count) };
  let start = 0;
  while (start < count) {
    let end = start;
    while (end < count && isSmooth(knots, end)) end += 1;
    if (end > start) {
      const found = runSlopes(knots.slice(start, end + 1));
      slopes.left.set(found.subarray(0, -1), start);
      slopes.right.set(found.subarray(1), start);
    }
    start = Math.max(end, start + 1);
  }
  return slopes;
}

function isSmooth(knots: Knot[], left: number): boolean {
  const [from, , piece] = knots[left] as Knot;
  return piece === "pchip" && (knots[left + 1] as Knot)[0] > from;
}

/** Slopes at the knots of a run: weighted harmonic means, 0 at a turn (Fritsch & Butland). */
function runSlopes(run: Knot[]): Float64Array {
  const widths = run.slice(1).map(([at], i) => at - (run[i] as Knot)[0]);
  const secants = run.slice(1).map(([, rate], i) => (rate - (run[i] as Knot)[1]) / (widths[i] as number));
  const slopes = new Float64Array(run.length);
  const last = secants.length - 1;
  const at = (list: number[], i: number) => list[i] as number;
  if (last === 0) return slopes.fill(at(secants, 0));
  for (let i = 0; i < last; i += 1) {
    const [before, after] = [at(secants, i), at(secants, i + 1)];
    if (before * after <= 0) continue;
    const w1 = 2 * at(widths, i + 1) + at(widths, i);
    const w2 = at(widths, i + 1) + 2 * at(widths, i);
    slopes[i + 1] = (w1 + w2) / (w1 / before + w2 / after);
  }
  slopes[0] = endSlope(at(widths, 0), at(widths, 1), at(secants, 0), at(secants, 1));
  slopes[last + 1] = endSlope(at(widths, last), at(widths, last - 1), at(secants, last), at(secants, last - 1));
  return slopes;
}

/** Three-point slope at an end that keeps the shape (Moler, Numerical Computing, 3.6). */
function endSlope(near: number, far: number, first: number, second: number): number {
  const slope = ((2 * near + far) * first - near * second) / (near + far);
  if (Math.sign(slope) !== Math.sign(first)) return 0;
  if (Math.sign(first) !== Math.sign(second) && Math.abs(slope) > 3 * Math.abs(first)) return 3 * first;
  return slope;
}
