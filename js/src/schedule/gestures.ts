// Pointer and keys on the picture: what is held, and what becomes of the curve meanwhile.

import { epochOf, rateOf, snappedEpoch, snappedRate } from "./axes";
import { type Edited, firstFree, isFree, moved, openedAt, pieceMoved, stretched } from "./edits";
import type { Plot } from "./plot";
import type { Picture } from "./protocol";

/** What the picture is asked for and told by hands. */
export interface Hands {
  /** The picture as it is drawn now. */
  picture(): Picture;
  /** Draw this, without telling anybody. */
  try(edited: Edited): void;
  /** Tell the kernel what is drawn. */
  commit(): void;
  /** Forget what was tried. */
  cancel(): void;
  choose(place: number | undefined, piece?: number): void;
  add(at: number, rate: number): void;
  take(rate: number): void;
  readOut(at: { epoch: number; rate: number } | undefined, words?: string): void;
}

type Held = { kind: "knot" | "piece" | "end" | "rate"; place: number };

interface Drag extends Held {
  pointer: number;
  x: number;
  y: number;
  /** The curve when it was taken hold of, with a knot at the present where the past ends in a piece. */
  start: Edited;
  scale: Plot["scale"];
  moved: boolean;
}

/** Less than this is a click. */
const SLACK_PX = 3;

export class Gestures {
  private drag: Drag | undefined;
  private waiting: PointerEvent | undefined;

  constructor(private readonly plot: Plot, private readonly hands: Hands, signal: AbortSignal) {
    const { element } = plot;
    const on = <K extends keyof SVGElementEventMap>(name: K, does: (event: SVGElementEventMap[K]) => void) =>
      element.addEventListener(name, does as EventListener, { signal });
    on("pointerdown", (event) => this.take(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.drop(event));
    on("pointercancel", () => this.letGo());
    on("pointerleave", () => this.drag || hands.readOut(undefined));
    on("dblclick", (event) => this.addAt(event));
    element.addEventListener("keydown", (event) => event.key === "Escape" && this.letGo(), { signal });
  }

  get busy(): boolean {
    return this.drag !== undefined;
  }

  private take(event: PointerEvent): void {
    const held = event.button === 0 ? this.heldAt(event) : undefined;
    if (!held) return;
    event.preventDefault();
    const { knots, epochs, now } = this.hands.picture();
    if (held.kind === "knot") this.hands.choose(held.place);
    if (held.kind === "piece") this.hands.choose(held.place, held.place);
    if (held.kind === "end") this.hands.choose(undefined);
    // With a knot at the present, if what is held would bend the piece that the present lies in.
    const opened = openedAt(knots, held.kind === "piece" ? Math.max(held.place, firstFree(knots, now)) : held.place, now);
    const start = held.kind === "end" || held.kind === "rate" ? { knots, epochs } : { knots: opened.knots, epochs };
    held.place += start.knots.length - knots.length;
    this.drag = { ...held, pointer: event.pointerId, ...this.at(event), start, scale: this.plot.scale, moved: false };
    this.plot.element.setPointerCapture(event.pointerId);
    (event.target as Element).closest<SVGElement>("[tabindex]")?.focus({ preventScroll: true });
  }

  private heldAt(event: PointerEvent): Held | undefined {
    const target = event.target as Element;
    const { knots, epochs, now } = this.hands.picture();
    const knot = target.closest("[data-knot]");
    if (knot) {
      const place = Number(knot.getAttribute("data-knot"));
      return isFree(knots, place, now) ? { kind: "knot", place } : undefined;
    }
    const rate = target.closest("[data-rate]");
    if (rate) return { kind: "rate", place: Number(rate.getAttribute("data-rate")) };
    if (target.closest("[data-end]")) return { kind: "end", place: -1 };
    if (!target.classList.contains("nbft-curve-grip")) return undefined;
    const at = epochOf(this.plot.scale, this.at(event).x) / epochs;
    const right = knots.findIndex(([there]) => there > at);
    if (right <= 0 || !isFree(knots, right, now)) return undefined;
    return { kind: "piece", place: right - 1 };
  }

  private move(event: PointerEvent): void {
    if (!this.drag) {
      this.point(event);
      return;
    }
    const first = this.waiting === undefined;
    this.waiting = event;
    if (first) requestAnimationFrame(() => this.follow());
  }

  /** Once a frame: what the pointer has made of the curve. */
  private follow(): void {
    const event = this.waiting;
    this.waiting = undefined;
    if (event && this.drag) this.pull(event, this.drag);
  }

  private pull(event: PointerEvent, drag: Drag): void {
    const { x, y } = this.at(event);
    if (!drag.moved && Math.hypot(x - drag.x, y - drag.y) < SLACK_PX) return;
    const { start, scale } = drag;
    const picture = this.hands.picture();
    const { stepsPerEpoch } = picture;
    // The present goes on meanwhile; it is counted in parts of the length that the run had.
    const now = (picture.now * picture.epochs) / start.epochs;
    drag.moved = true;
    const epoch = event.altKey ? epochOf(scale, x) : snappedEpoch(scale, x, stepsPerEpoch);
    const rate = event.altKey ? rateOf(scale, clamp(y, scale.box.top, scale.box.bottom)) : snappedRate(scale, y);
    if (drag.kind === "rate") {
      this.hands.readOut({ epoch: 0, rate });
      (this.markOf(drag) as SVGGElement | null)?.setAttribute("transform", `translate(0 ${clamp(y, scale.box.top, scale.box.bottom)})`);
      return;
    }
    if (drag.kind === "end") {
      const by = epochOf(scale, x) - epochOf(scale, drag.x);
      const longer = Math.max(1, Math.round(start.epochs + by));
      this.plot.reach(longer);
      const made = stretched(start, longer, now);
      this.hands.try(made);
      this.hands.readOut({ epoch: made.epochs, rate: 0 }, `${made.epochs} epoch${made.epochs === 1 ? "" : "s"}`);
      return;
    }
    const { knots, epochs } = start;
    if (drag.kind === "knot") {
      const made = moved(knots, drag.place, epoch / epochs, rate, now);
      this.hands.try({ knots: made, epochs });
      this.hands.choose(drag.place);
      this.show(made, drag.place, epochs);
      return;
    }
    const by = (epochOf(scale, x) - epochOf(scale, drag.x)) / epochs;
    const [from, to] = [rateOf(scale, drag.y), rateOf(scale, y)];
    const factor = (old: number) => (scale.kind === "log" ? (old * to) / from : Math.max(0, old + to - from));
    const sideways = Math.abs(x - drag.x) > 2 * SLACK_PX ? by : 0;
    const made = pieceMoved(knots, drag.place, sideways, factor, now);
    this.hands.try({ knots: made, epochs });
    this.hands.choose(drag.place, drag.place);
    this.show(made, drag.place + 1, epochs);
  }

  private show(knots: Edited["knots"], place: number, epochs: number): void {
    const knot = knots[place];
    if (knot) this.hands.readOut({ epoch: knot[0] * epochs, rate: knot[1] });
  }

  private drop(event: PointerEvent): void {
    if (!this.drag || event.pointerId !== this.drag.pointer) return;
    if (this.waiting) this.follow();
    const { drag } = this;
    this.drag = undefined;
    this.hands.readOut(undefined);
    if (drag.kind === "rate") {
      const { y } = this.at(event);
      this.hands.take(drag.moved ? snappedRate(drag.scale, y) : drag.place);
    } else if (drag.moved) {
      this.hands.commit();
    }
  }

  private letGo(): void {
    if (!this.drag) return;
    this.drag = undefined;
    this.waiting = undefined;
    this.hands.readOut(undefined);
    this.hands.cancel();
  }

  private markOf({ place }: Drag): Element | null {
    return this.plot.element.querySelector(`[data-rate="${place}"]`);
  }

  private point(event: PointerEvent): void {
    const { x, y } = this.at(event);
    const { scale } = this.plot;
    const { left, right, top, bottom } = scale.box;
    const inside = x >= left && x <= right && y >= top && y <= bottom;
    this.hands.readOut(inside ? { epoch: epochOf(scale, x), rate: Number.NaN } : undefined);
  }

  private addAt(event: MouseEvent): void {
    // The event itself goes to the picture, which holds the pointer of the clicks.
    const under = (this.plot.element.getRootNode() as Document).elementFromPoint(event.clientX, event.clientY);
    if (under?.closest("[data-knot], [data-end], [data-rate]")) return;
    const { x, y } = this.at(event);
    const { scale } = this.plot;
    const { epochs, now, stepsPerEpoch } = this.hands.picture();
    const epoch = event.altKey ? epochOf(scale, x) : snappedEpoch(scale, x, stepsPerEpoch);
    const at = epoch / epochs;
    if (at < 0 || at > 1 || (now > 0 && at <= now)) return;
    this.hands.add(at, event.altKey ? rateOf(scale, y) : snappedRate(scale, y));
  }

  private at(event: MouseEvent): { x: number; y: number } {
    const { left, top } = this.plot.element.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
