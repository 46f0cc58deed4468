// The picture of a curve: axes, past, plan, groups, knots; drawn anew from what it shows.

import { newId } from "../lib/dom";
import { type Box, epochTicks, knotText, linearTicks, logTicks, rateText, type Scale, scaleFor, xOf, yOf } from "./axes";
import { rateAt } from "./curve";
import { isFree } from "./edits";
import { FinderMarks } from "./finder_marks";
import { curvePath, filled, linePath } from "./paths";
import type { Picture } from "./protocol";
import { pool, set, svg } from "./svg";

const MARGIN = { left: 46, top: 8, right: 22, bottom: 20 };
/** Room on the right, as a part of the run, into which its end can be dragged. */
const BEYOND = 1.04;

export class Plot {
  readonly element: SVGSVGElement;
  scale: Scale = scaleFor([1], 1, "linear", { left: 0, top: 0, right: 1, bottom: 1 });
  private readonly clip = svg("rect");
  private readonly pastGround = svg("rect", { class: "nbft-past-ground" });
  private readonly grid = svg("g", { class: "nbft-grid-lines", "aria-hidden": "true" });
  private readonly groups = svg("g", { class: "nbft-group-curves" });
  private readonly area = svg("path", { class: "nbft-curve-area" });
  private readonly inForce = svg("path", { class: "nbft-in-force" });
  private readonly past = svg("path", { class: "nbft-past" });
  private readonly curve = svg("path", { class: "nbft-curve" });
  private readonly chosenPiece = svg("path", { class: "nbft-chosen-piece" });
  private readonly grip = svg("path", { class: "nbft-curve-grip" });
  private readonly present = svg("line", { class: "nbft-present" });
  private readonly end = endHandle();
  private readonly knots = svg("g", { class: "nbft-knots" });
  private readonly finder = new FinderMarks();
  private size = { width: 0, height: 0 };

  constructor() {
    const id = newId("plot");
    const lines = svg("g", { "clip-path": `url(#${id})` },
      this.finder.curve, this.groups, this.area, this.inForce, this.past, this.curve, this.chosenPiece, this.grip);
    const clip = svg("clipPath", { id }, this.clip);
    this.element = svg("svg", { class: "nbft-plot", role: "group", "aria-label": "Curve", tabindex: -1 },
      svg("defs", {}, clip), this.pastGround, this.grid, lines, this.present, this.end, this.finder.marks, this.knots);
  }

  /** Take so much room; says whether that is another than before. */
  resize(width: number, height: number): boolean {
    if (width === this.size.width && height === this.size.height) return false;
    this.size = { width, height };
    set(this.element, { width, height, viewBox: `0 0 ${width} ${height}` });
    return true;
  }

  /** A scale that fits a picture; kept while something is dragged. */
  fit(picture: Picture): void {
    const { width, height } = this.size;
    const box: Box = { left: MARGIN.left, top: MARGIN.top, right: width - MARGIN.right, bottom: height - MARGIN.bottom };
    const shown = [picture.knots, picture.course.live ? picture.course.points ?? [] : []].flat().map(([, rate]) => rate);
    const rates = [...shown, ...picture.past.map(([, rate]) => rate), ...this.finder.rates(picture)];
    const longest = Math.max(picture.epochs, picture.past.at(-1)?.[0] ?? 0, picture.course.live ? picture.course.epochs ?? 0 : 0);
    this.scale = scaleFor(rates, longest * BEYOND, picture.axis, box);
  }

  /** Grow to the right with a run whose end is dragged beyond the picture. */
  reach(epochs: number): void {
    if (epochs * BEYOND > this.scale.epochs) this.scale = { ...this.scale, epochs: epochs * BEYOND };
  }

  draw(picture: Picture, chosen: number | undefined, piece: number | undefined): void {
    this.drawGrid(picture.epochs);
    this.drawCurves(picture, piece);
    this.drawRun(picture);
    this.drawKnots(picture, chosen);
    this.finder.draw(this.scale, picture);
  }

  private drawGrid(length: number): void {
    const { scale } = this;
    const { left, top, right, bottom } = scale.box;
    set(this.clip, { x: left, y: top - 3, width: Math.max(0, right - left + 8), height: bottom - top + 6 });
    const key = JSON.stringify([scale, length]);
    if (this.grid.getAttribute("data-scale") === key) return;
    this.grid.setAttribute("data-scale", key);
    const words = `${length} epoch${length === 1 ? "" : "s"}`;
    const rates = scale.kind === "log" ? logTicks(scale.low, scale.high) : linearTicks(scale.high, (bottom - top) / 38);
    const epochs = epochTicks(scale.epochs, (right - left) / 46).filter((epoch) => xOf(scale, epoch) < right + 8 - 6 * words.length);
    this.grid.replaceChildren(
      ...rates.flatMap((rate) => {
        const y = yOf(scale, rate).toFixed(1);
        return [svg("line", { x1: left, x2: right, y1: y, y2: y }), text(left - 9, Number(y) + 3.5, rateText(rate), "end")];
      }),
      ...epochs.map((epoch) => text(xOf(scale, epoch), bottom + 14, String(epoch), "middle")),
      text(right + 18, bottom + 14, words, "end"),
    );
  }

  private drawCurves(picture: Picture, piece: number | undefined): void {
    const { scale } = this;
    const { knots, epochs, now } = picture;
    const path = curvePath(scale, knots, epochs, now, 1);
    set(this.curve, { d: path });
    set(this.grip, { d: path });
    set(this.area, { d: filled(scale, path, now * epochs, epochs) });
    this.drawGroups(picture);
    const [from, to] = [knots[piece ?? -1]?.[0] ?? 1, knots[(piece ?? -1) + 1]?.[0] ?? 1];
    set(this.chosenPiece, { d: piece === undefined ? "" : curvePath(scale, knots, epochs, Math.max(from, now), to) });
  }

  private drawGroups({ groups, knots, epochs, now }: Picture): void {
    const { scale } = this;
    const lines = pool(this.groups, groups.length, () => svg("g", {}, svg("path", {}, svg("title")), svg("text")));
    const middle = (1 + now) / 2;
    groups.forEach(([name, multiple], i) => {
      const [path, label] = (lines[i] as SVGGElement).children as unknown as [Element, Element];
      set(path, { d: curvePath(scale, knots, epochs, now, 1, multiple) });
      path.firstElementChild!.textContent = `${name}: ${rateText(multiple)} × the curve`;
      // Many lines speak for themselves.
      label.textContent = groups.length < 3 ? name : "";
      set(label, { x: xOf(scale, middle * epochs).toFixed(1), y: (yOf(scale, multiple * rateAt(knots, middle)) - 5).toFixed(1) });
    });
  }

  private drawRun({ course, past, now, epochs }: Picture): void {
    const { scale } = this;
    const { left, top, bottom } = scale.box;
    const x = xOf(scale, now * epochs);
    set(this.past, { d: linePath(scale, past) });
    set(this.pastGround, { x: left, y: top, width: Math.max(0, x - left), height: bottom - top, visibility: now > 0 ? "visible" : "hidden" });
    set(this.present, { x1: x, x2: x, y1: top, y2: bottom, visibility: now > 0 ? "visible" : "hidden" });
    const length = course.epochs ?? 1;
    set(this.inForce, { d: course.live && course.points ? curvePath(scale, course.points, length, (now * epochs) / length, 1) : "" });
    const right = xOf(scale, epochs);
    set(this.end, {
      transform: `translate(${right.toFixed(1)} 0)`,
      "aria-valuenow": epochs, "aria-valuetext": `${epochs} epoch${epochs === 1 ? "" : "s"}`,
    });
    set(this.end.children[0] as Element, { y1: top, y2: bottom });
    set(this.end.children[1] as Element, { y: top, height: bottom - top });
    set(this.end.children[2] as Element, { transform: `translate(0 ${top + 9})` });
  }

  private drawKnots({ knots, epochs, stepsPerEpoch, now }: Picture, chosen: number | undefined): void {
    const { scale } = this;
    const handles = pool(this.knots, knots.length, knotHandle);
    const dense = knots.length > 60;
    knots.forEach((knot, place) => {
      const [at, rate] = knot;
      const handle = handles[place] as SVGGElement;
      const free = isFree(knots, place, now);
      const x = xOf(scale, at * epochs).toFixed(1);
      const y = Math.max(scale.box.top, yOf(scale, rate)).toFixed(1);
      set(handle, {
        transform: `translate(${x} ${y})`,
        class: ["nbft-knot", place === chosen && "nbft-chosen", !free && "nbft-fixed", dense && "nbft-dense", rate === 0 && scale.kind === "log" && "nbft-zero"].filter(Boolean).join(" "),
        tabindex: free ? 0 : -1,
        "aria-valuenow": rate, "aria-valuemax": scale.high,
        "aria-valuetext": knotText(knot, epochs, stepsPerEpoch),
        "aria-disabled": free ? undefined : "true",
      });
    });
  }

  knot(place: number): SVGGElement | undefined {
    return this.knots.children[place] as SVGGElement | undefined;
  }
}

function knotHandle(place: number): SVGGElement {
  return svg("g", { role: "slider", "data-knot": place, "aria-label": `Knot ${place + 1}`, "aria-valuemin": 0 },
    svg("circle", { class: "nbft-reach", r: 12 }), svg("circle", { class: "nbft-dot", r: 5 }));
}

function endHandle(): SVGGElement {
  return svg("g", { class: "nbft-end", role: "spinbutton", tabindex: 0, "data-end": "", "aria-label": "End of the run", "aria-valuemin": 1 },
    svg("line"), svg("rect", { class: "nbft-reach", x: -4, width: 16 }), svg("path", { class: "nbft-end-grip", d: "M0 -9h7a2 2 0 0 1 2 2v14a2 2 0 0 1 -2 2h-7zM3.4 -4v8M5.8 -4v8" }));
}

function text(x: number, y: number, words: string, anchor: string): SVGTextElement {
  const element = svg("text", { x: x.toFixed(1), y: y.toFixed(1), "text-anchor": anchor });
  element.textContent = words;
  return element;
}
