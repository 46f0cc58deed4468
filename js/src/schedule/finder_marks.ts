// The finder's curve behind the schedule, and its suggestions as marks to drag.

import { digits, rateText, type Scale, yOf } from "./axes";
import { lossPath } from "./paths";
import type { Picture } from "./protocol";
import { pool, set, svg } from "./svg";

const PART = 0.42;
/** Around what is suggested, so that the loss before and after it is in view. */
const AROUND = 25;

export class FinderMarks {
  readonly curve = svg("path", { class: "nbft-finder-curve" });
  readonly marks = svg("g", { class: "nbft-suggestions" });

  /** Rates that a picture must have room for. */
  rates({ finder, axis }: Picture): number[] {
    if (axis !== "log" || !finder.points?.length) return [];
    const suggested = (finder.suggestions ?? []).map(([, rate]) => rate);
    if (!suggested.length) return finder.points.map(([rate]) => rate);
    return [Math.min(...suggested) / AROUND, (Math.max(...suggested) * AROUND) / 3];
  }

  draw(scale: Scale, { finder }: Picture): void {
    const shown = scale.kind === "log";
    set(this.curve, { d: shown ? lossPath(scale, finder.points ?? [], PART) : "" });
    const inView = (shown ? finder.suggestions ?? [] : []).filter(([, rate]) => rate >= scale.low && rate <= scale.high);
    const marks = pool(this.marks, inView.length, mark);
    const { left, right } = scale.box;
    const width = right - left;
    // Where there is no room for its name, a rule is told by the sentence below and the tooltip.
    const roomy = width * (1 - PART) > inView.length * 96;
    [...inView].sort(([, a], [, b]) => b - a).forEach(([rule, rate], i) => {
      const element = marks[i] as SVGGElement;
      const short = rateText(digits(rate, 2));
      const words = roomy ? `${rule} ${short}` : short;
      // Side by side, since rules often agree.
      const x = left + width * (PART + ((1 - PART) * (i + 0.5)) / inView.length);
      set(element, {
        transform: `translate(0 ${yOf(scale, rate).toFixed(1)})`,
        "data-rate": rate, "aria-label": `Take ${rateText(rate)} (${rule})`,
        class: rate === finder.lr ? "nbft-suggestion nbft-best" : "nbft-suggestion",
      });
      set(element.children[0] as Element, { x1: left, x2: right });
      const half = words.length * 2.9 + 5;
      set(element.children[1] as Element, { x: x - half, width: 2 * half });
      set(element.children[2] as Element, { x });
      element.children[2]!.textContent = words;
      element.children[3]!.textContent = `${rule}: ${rateText(rate)}; click to take it, or drag it first`;
    });
  }
}

function mark(): SVGGElement {
  return svg("g", { role: "button", tabindex: 0 },
    svg("line"), svg("rect", { y: -8, height: 16, rx: 8 }), svg("text", { y: 3.5, "text-anchor": "middle" }), svg("title"));
}
