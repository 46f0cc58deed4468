// Curves as paths of SVG: as many points as there are pixels, however many steps a run has.

import { type Scale, xOf, yOf } from "./axes";
import { type Knot, ratesAt } from "./curve";

const SPACING_PX = 1.5;
/** Just before a knot, where a jump has not happened yet. */
const BEFORE = 2e-9;

/** Parts of the run, ascending, at which a curve is drawn: every knot, and the pixels between. */
export function placesToDraw(knots: Knot[], from: number, to: number, width: number): Float64Array {
  const count = Math.max(2, Math.ceil((width * (to - from)) / SPACING_PX));
  const regular = Array.from({ length: count + 1 }, (_, i) => from + ((to - from) * i) / count);
  const corners = knots.flatMap(([at]) => [at - BEFORE, at]).filter((at) => at > from && at < to);
  return Float64Array.from([...regular, ...corners]).sort();
}

/** A curve from one part of the run to another. */
export function curvePath(scale: Scale, knots: Knot[], epochs: number, from: number, to: number, multiple = 1): string {
  if (to <= from) return "";
  const width = xOf(scale, epochs) - xOf(scale, 0);
  const places = placesToDraw(knots, from, to, width);
  const rates = ratesAt(knots, places);
  let path = "";
  for (let i = 0; i < places.length; i += 1) {
    path += point(scale, (places[i] as number) * epochs, multiple * (rates[i] as number), i);
  }
  return path;
}

/** A line through points. */
export function linePath(scale: Scale, points: [epoch: number, rate: number][]): string {
  return points.map(([epoch, rate], i) => point(scale, epoch, rate, i)).join("");
}

/** A path closed down to the lower edge, to be filled. */
export function filled(scale: Scale, path: string, from: number, to: number): string {
  if (!path) return "";
  const { bottom } = scale.box;
  return `${path}L${xOf(scale, to).toFixed(1)} ${bottom}L${xOf(scale, from).toFixed(1)} ${bottom}Z`;
}

/** Loss against rate, the rates along the upright axis, as wide as a part of the plot. */
export function lossPath(scale: Scale, points: [rate: number, loss: number][], part: number): string {
  const shown = points.filter(([rate]) => rate >= scale.low && rate <= scale.high);
  if (shown.length < 2) return "";
  const losses = shown.map(([, loss]) => loss);
  const least = Math.min(...losses);
  // The rise at the end goes up without bound; what matters lies below the beginning.
  const most = Math.max(least + 1e-9, Math.min(Math.max(...losses), least + 1.6 * ((losses[0] as number) - least)));
  const { left, right } = scale.box;
  const x = (loss: number) => left + (right - left) * part * Math.min(1, (loss - least) / (most - least));
  return shown.map(([rate, loss], i) => `${i ? "L" : "M"}${x(loss).toFixed(1)} ${yOf(scale, rate).toFixed(1)}`).join("");
}

function point(scale: Scale, epoch: number, rate: number, i: number): string {
  const y = Math.max(scale.box.top - 4, yOf(scale, rate));
  return `${i ? "L" : "M"}${xOf(scale, epoch).toFixed(1)} ${y.toFixed(1)}`;
}
