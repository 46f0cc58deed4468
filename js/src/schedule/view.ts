// One view of the editor: what is drawn is the kernel's curve, or what hands are making of it.

import type { AnyModel } from "@anywidget/types";

import { type Ask, asker, follow } from "../lib/asking";
import { el, OWN_KEYS, setText, show } from "../lib/dom";
import { type Field, FieldView } from "../lib/field";
import { digits, rateText, yOf, xOf } from "./axes";
import { rateAt } from "./curve";
import { addedLive, type Edited, isFree, moved, openedAt, removed, withPiece } from "./edits";
import { Gestures, type Hands } from "./gestures";
import { afterEndKey, afterKey } from "./keys";
import { KnotBar, type KnotChange } from "./knot_bar";
import { Plot } from "./plot";
import { type Picture, pictureOf, type State } from "./protocol";
import { acting, LiveBar, Toolbar } from "./tools";

const TRAITS = ["state", "curve", "course", "past", "now", "finder"];

export class EditorView implements Hands {
  private readonly ask: Ask;
  private readonly fields: FieldView[];
  private readonly mark = el("span", { class: "nbft-mark nbft-mark-live" }, "live");
  private readonly plot = new Plot();
  private readonly gestures: Gestures;
  private readonly frame = el("div", { class: "nbft-plot-frame" }, this.plot.element);
  private readonly read = el("output", { class: "nbft-readout" });
  private readonly bar: KnotBar;
  private readonly tools: Toolbar;
  private readonly live: LiveBar;
  private chosen: number | undefined;
  private piece: number | undefined;
  /** What hands have made and the kernel has not taken yet. */
  private tried: Edited | undefined;
  private asked = 0;
  private nudging = false;

  constructor(private readonly model: AnyModel, root: HTMLElement, signal: AbortSignal) {
    this.ask = asker(model, signal);
    this.live = new LiveBar((name, value) => this.act(name, value));
    this.tools = new Toolbar((name, value) => this.act(name, value));
    this.bar = new KnotBar((change) => this.change(change), () => this.removeChosen(), (error) => this.live.say(error));
    this.fields = (model.get("fields") as Field[]).map((field) => new FieldView(field, this.ask, false));
    this.gestures = new Gestures(this.plot, this, signal);
    this.lay(root, signal);
    follow(model, signal, TRAITS, () => this.draw());
  }

  picture(): Picture {
    const picture = pictureOf(this.model);
    if (!this.tried) return picture;
    // Parts of the run are counted anew where its length was changed.
    return { ...picture, ...this.tried, now: (picture.now * picture.epochs) / this.tried.epochs };
  }

  try(edited: Edited): void {
    this.tried = edited;
    this.drawCurve(false);
  }

  commit(): void {
    const { tried } = this;
    if (!tried) return;
    this.asked += 1;
    const number = this.asked;
    this.drawCurve(true);
    void this.ask("draw", { points: tried.knots, epochs: tried.epochs }).then((error) => {
      this.live.say(error);
      if (number === this.asked && this.tried === tried) this.cancel();
    });
  }

  cancel(): void {
    this.tried = undefined;
    this.draw();
  }

  choose(place: number | undefined, piece?: number): void {
    if (place === this.chosen && piece === this.piece) return;
    this.chosen = place;
    this.piece = piece;
    this.drawCurve(false);
  }

  add(at: number, rate: number): void {
    const { knots, epochs, now } = this.picture();
    const made = addedLive(knots, at, rate, now);
    if (made.knots === knots) return;
    this.try({ knots: made.knots, epochs });
    this.choose(made.place);
    this.commit();
    this.plot.knot(made.place)?.focus({ preventScroll: true });
  }

  take(rate: number): void {
    this.act("take", rate);
  }

  readOut(at: { epoch: number; rate: number } | undefined, words?: string): void {
    show(this.read, Boolean(at));
    if (!at) return;
    const { knots, epochs, stepsPerEpoch } = this.picture();
    const rate = Number.isNaN(at.rate) ? rateAt(knots, Math.min(1, Math.max(0, at.epoch / epochs))) : at.rate;
    const step = stepsPerEpoch ? ` · step ${Math.round(at.epoch * stepsPerEpoch).toLocaleString("en-US")}` : "";
    setText(this.read, words ?? `${at.epoch ? `epoch ${digits(at.epoch, 3)}${step} · ` : ""}${rateText(rate)}`);
    const { scale } = this.plot;
    const right = xOf(scale, at.epoch) > (scale.box.left + scale.box.right) / 2;
    const low = yOf(scale, rate) < scale.box.top + 34;
    this.read.style.inset = `${low ? "auto" : `${scale.box.top}px`} ${right ? "auto" : "24px"} ${low ? "26px" : "auto"} ${right ? `${scale.box.left + 6}px` : "auto"}`;
  }

  private act(name: string, value?: unknown): void {
    this.tried = undefined;
    acting(this.ask, (error) => this.live.say(error))(name, value);
  }

  private lay(root: HTMLElement, signal: AbortSignal): void {
    const title = el("h3", { class: "nbft-title" }, this.model.get("title") as string, this.mark);
    const settings = el("div", { class: "nbft-fields" }, ...this.fields.map(({ element }) => element), this.tools.reset);
    this.frame.append(this.read);
    this.read.hidden = true;
    const curve = el("div", { class: "nbft-curve-side" }, this.tools.element, this.frame, this.bar.element, this.live.element);
    const region = { class: "nbft-panel nbft-editor", role: "region", "aria-label": this.model.get("region") as string, ...OWN_KEYS };
    const panel = el("section", region, title, el("div", { class: "nbft-editor-parts" }, settings, curve));
    panel.addEventListener("keydown", (event) => this.press(event), { signal });
    panel.addEventListener("keyup", () => this.endNudging(), { signal });
    panel.addEventListener("focusout", () => this.endNudging(), { signal });
    panel.addEventListener("focusin", (event) => this.focused(event.target as Element), { signal });
    root.append(el("div", { class: "nbft-editor-box" }, panel));
    const sizes = new ResizeObserver(() => this.drawCurve(false));
    sizes.observe(this.frame);
    signal.addEventListener("abort", () => sizes.disconnect());
  }

  private draw(): void {
    const state = this.model.get("state") as State;
    const hidden = new Set(state.hidden);
    for (const view of this.fields) {
      const { name } = view.field;
      show(view.element, !hidden.has(name));
      view.draw({ value: state.values[name] ?? "", error: state.errors[name] ?? "", note: "", live: state.live });
    }
    show(this.mark, state.live);
    const { finder } = this.picture();
    this.tools.draw(state, finder);
    this.live.draw(state, finder);
    this.drawCurve(!this.gestures.busy);
  }

  private drawCurve(refit: boolean): void {
    const { clientWidth, clientHeight } = this.frame;
    if (!clientWidth) return;
    const fitting = this.plot.resize(clientWidth, clientHeight) || refit;
    const picture = this.picture();
    if (this.chosen !== undefined && this.chosen >= picture.knots.length) this.chosen = this.piece = undefined;
    if (fitting) this.plot.fit(picture);
    this.plot.draw(picture, this.chosen, this.piece);
    this.bar.draw(picture, this.chosen);
  }

  private focused(target: Element): void {
    const knot = target.closest("[data-knot]");
    if (knot && !this.gestures.busy) this.choose(Number(knot.getAttribute("data-knot")));
  }

  // Keys.

  private press(event: KeyboardEvent): void {
    const target = event.target as Element;
    const typing = target instanceof HTMLInputElement && target.type === "text";
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !typing) {
      this.act(event.shiftKey ? "redo" : "undo");
    } else if (target.closest("[data-rate]") && (event.key === "Enter" || event.key === " ")) {
      this.take(Number(target.closest("[data-rate]")?.getAttribute("data-rate")));
    } else if (!target.closest("[data-knot], [data-end]") || !this.pressOnHandle(event, target)) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  private pressOnHandle(event: KeyboardEvent, target: Element): boolean {
    const knot = target.closest("[data-knot]");
    const picture = this.picture();
    const place = Number(knot?.getAttribute("data-knot"));
    if (knot && !isFree(picture.knots, place, picture.now)) return false;
    if (knot && (event.key === "Delete" || event.key === "Backspace")) this.removeChosen();
    else if (knot && event.key === "Enter") this.bar.edit();
    else if (knot) return this.nudge(afterKey(event, picture, place, this.plot.scale));
    else return this.nudge(afterEndKey(event, picture));
    return true;
  }

  private nudge(edited: (Edited & { place?: number }) | undefined): boolean {
    if (!edited) return false;
    const { place, knots, epochs } = edited;
    this.plot.reach(epochs);
    this.try({ knots, epochs });
    if (place !== undefined && place !== this.chosen) this.plot.knot(place)?.focus({ preventScroll: true });
    this.nudging = true;
    return true;
  }

  /** A key that is held is one change: it is told when it is let go. */
  private endNudging(): void {
    if (!this.nudging) return;
    this.nudging = false;
    this.commit();
  }

  // Numbers.

  private change({ epoch, rate, piece }: KnotChange): void {
    const { knots, epochs, now } = this.picture();
    const knot = this.chosen === undefined ? undefined : knots[this.chosen];
    if (!knot || this.chosen === undefined) return;
    const opened = openedAt(knots, this.chosen, now);
    let made = opened.knots.slice();
    if (epoch !== undefined) made = moved(made, opened.place, epoch / epochs, knot[1], now);
    // A rate goes as it was typed: the kernel says what is wrong with it.
    if (rate !== undefined) made[opened.place] = [knot[0], rate, knot[2]];
    if (piece !== undefined) made = withPiece(knots, this.chosen, piece);
    else this.chosen = opened.place;
    this.try({ knots: made, epochs });
    this.commit();
  }

  private removeChosen(): void {
    const { knots, epochs, now } = this.picture();
    if (this.chosen === undefined) return;
    const opened = openedAt(knots, this.chosen, now);
    const made = removed(opened.knots, opened.place);
    if (made === opened.knots) this.live.say("a curve needs at least one knot");
    else {
      const near = Math.min(opened.place, made.length - 1);
      this.choose(near);
      this.try({ knots: made, epochs });
      this.commit();
      this.plot.knot(near)?.focus({ preventScroll: true });
    }
  }
}
