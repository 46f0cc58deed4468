// A knot, or the run's end, moved by the keyboard.

import { digits, type Scale } from "./axes";
import { type Edited, moved, openedAt, stretched } from "./edits";
import type { Picture } from "./protocol";

const DIRECTIONS: Record<string, [x: number, y: number]> = {
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1], PageUp: [0, 10], PageDown: [0, -10],
};
const LARGE = 10;

/** The curve after a key was pressed on a knot; nothing where the key means something else. */
export function afterKey(event: KeyboardEvent, picture: Picture, place: number, scale: Scale): (Edited & { place: number }) | undefined {
  const direction = directionOf(event);
  const knot = picture.knots[place];
  if (!direction || !knot) return undefined;
  const { epochs, now } = picture;
  const [x, y] = direction;
  const epoch = digits(knot[0] * epochs + x * epochUnit(epochs), 8);
  const opened = openedAt(picture.knots, place, now);
  const knots = moved(opened.knots, opened.place, x ? epoch / epochs : knot[0], nudged(knot[1], y, scale), now);
  return { epochs, knots, place: opened.place };
}

/** The curve after a key was pressed on the run's end. */
export function afterEndKey(event: KeyboardEvent, { knots, epochs, now }: Picture): Edited | undefined {
  const direction = directionOf(event);
  if (!direction) return undefined;
  const by = direction[0] + direction[1];
  return stretched({ knots, epochs }, Math.max(1, epochs + by), now);
}

function directionOf(event: KeyboardEvent): [number, number] | undefined {
  const direction = event.ctrlKey || event.metaKey ? undefined : DIRECTIONS[event.key];
  const times = event.shiftKey ? LARGE : 1;
  return direction && [times * direction[0], times * direction[1]];
}

/** A hundredth of the run, roundly. */
function epochUnit(epochs: number): number {
  return 10 ** Math.floor(Math.log10(epochs / 20));
}

/** A twentieth of a decade, or a hundredth of the axis. */
function nudged(rate: number, by: number, { kind, high }: Scale): number {
  if (!by) return rate;
  if (kind === "log") return digits(rate * 10 ** (by / 20), 3);
  const unit = 10 ** Math.floor(Math.log10(high / 20));
  return Math.max(0, digits(rate + by * unit, 8));
}
