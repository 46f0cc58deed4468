// Beside an image: what the model made of it, and where it looked.

import type { AnyModel } from "@anywidget/types";

import type { Beside } from "../gallery/dialog";
import { choice, offer } from "../gallery/menus";
import type { About, Row } from "../gallery/protocol";
import type { Picture, Store } from "../gallery/store";
import { el, setAttribute, show } from "../lib/dom";
import { type Explained, judgement, type OpenedHere, type Score, type State } from "./protocol";
import { NONE, percent, probable } from "./words";

const METHODS: [string, string][] = [
  ["auto", "method that fits"], ["grad_cam", "Grad-CAM"], ["hires_cam", "HiResCAM"], ["eigen_cam", "EigenCAM"],
  ["gradient_attention", "gradient attention"], ["attention_rollout", "attention rollout"],
];

export class Explanation implements Beside {
  readonly facts = ["Predicted"];
  readonly element: HTMLElement;
  private readonly bars = el("ul", { class: "nbft-guesses", "aria-label": "Probabilities" });
  private readonly toggle = el("button", { class: "nbft-button nbft-small", type: "button" }, "Show where the model looked");
  private readonly target = choice("Class to look for");
  private readonly method = choice("Method");
  private readonly words = el("p", { class: "nbft-note", "aria-live": "polite" });
  private readonly asked = new Set<string>();
  private readonly told = new Map<string, Explained>();
  private drawn = "";
  private on = false;

  /** `redraw` draws the whole window again. */
  constructor(private readonly model: AnyModel, private readonly store: Store, private readonly redraw: () => void, signal: AbortSignal) {
    const menus = el("div", { class: "nbft-explain-menus" }, this.target, this.method);
    this.element = el("div", { class: "nbft-beside" }, this.bars, this.toggle, menus, this.words);
    offer(this.method, METHODS, "auto");
    this.toggle.addEventListener("click", () => this.turn(() => (this.on = !this.on)));
    for (const menu of [this.target, this.method]) menu.addEventListener("change", () => this.turn(() => (this.on = true)));
    const hear = (message: Partial<Explained>) => message.kind === "explained" && this.hear(message as Explained);
    const turn = () => (model.get("state") as State).phase === "measuring" && this.forget();
    model.on("msg:custom", hear);
    model.on("change:state", turn);
    signal.addEventListener("abort", () => {
      model.off("msg:custom", hear);
      model.off("change:state", turn);
    });
  }

  /** Another model comes: it looks elsewhere. */
  private forget(): void {
    this.store.forget("heat ");
    this.asked.clear();
    this.told.clear();
  }

  values(row: Row): string[] {
    const { predicted, probability } = judgement(row);
    return [predicted === null || probability === null ? NONE : `${this.nameOf(predicted)}, ${probable(probability)}`];
  }

  suggests(row: Row): boolean {
    const { suggested } = judgement(row);
    return suggested !== null && suggested !== row[2];
  }

  draw(row: Row): Picture | undefined {
    const opened = this.store.opened as OpenedHere | undefined;
    if (opened?.row[0] === row[0]) this.drawScores(opened.scores ?? [], row[2]);
    const { classes } = this.model.get("about") as About;
    offer(this.target, [["", "for what it predicted"], ...classes.map(([name]): [string, string] => [name, `for ${name}`])], this.target.value);
    setAttribute(this.toggle, "aria-pressed", String(this.on));
    const key = this.keyOf(row[0]);
    const picture = this.on ? this.store.picture(key) : undefined;
    this.drawWords(key, picture);
    if (this.on && !picture) void this.explain(row[0], key);
    return picture?.url ? picture : undefined;
  }

  private turn(change: () => void): void {
    change();
    // What failed may go well another time.
    this.asked.clear();
    this.redraw();
  }

  private async explain(image: number, key: string): Promise<void> {
    if (this.asked.has(key)) return;
    this.asked.add(key);
    const error = await this.store.ask("explain", { image, target: this.target.value, method: this.method.value });
    if (error) this.say(error, true);
  }

  private hear(explained: Explained): void {
    this.told.set(`heat ${explained.image} ${explained.target} ${explained.asked}`, explained);
    this.redraw();
  }

  private drawWords(key: string, picture: Picture | undefined): void {
    const told = this.told.get(key);
    if (!this.on) this.say("");
    else if (picture?.reason) this.say(picture.reason, true);
    else if (!picture) this.say("Looking; the first time takes a few seconds, in which the model is loaded.");
    else this.say(told ? `Bright: what speaks for ${told.class_name} (${percent(told.probability)}). ${methodName(told.method)}, layer ${told.layer}.` : "");
  }

  private drawScores(scores: readonly Score[], label: number): void {
    const key = JSON.stringify([scores, label]);
    if (key === this.drawn) return;
    this.drawn = key;
    this.bars.replaceChildren(...scores.map(([number, probability]) => {
      const item = el("li", { class: number === label ? "nbft-guess nbft-guess-label" : "nbft-guess" },
        el("span", { class: "nbft-guess-name", title: this.nameOf(number) }, this.nameOf(number)),
        el("span", { class: "nbft-guess-value" }, percent(probability)));
      item.style.setProperty("--nbft-part", String(probability));
      return item;
    }));
  }

  private say(words: string, wrong = false): void {
    show(this.words, Boolean(words), words);
    this.words.classList.toggle("nbft-error", wrong);
  }

  private keyOf(image: number): string {
    return `heat ${image} ${this.target.value} ${this.method.value}`;
  }

  private nameOf(number: number): string {
    return (this.model.get("about") as About).classes[number]?.[0] ?? "";
  }
}

function methodName(method: string): string {
  return METHODS.find(([name]) => name === method)?.[1] ?? method;
}
