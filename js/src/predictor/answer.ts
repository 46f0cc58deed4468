// What the model says of a picture: the class, how sure it is, and what else it might be.

import { el, setAttribute, setText, show } from "../lib/dom";
import { count } from "../lib/wording";
import { type Engine, percent, type Score, type Shown } from "./protocol";
import type { Store } from "./store";

const FEW = 5;

class Bar {
  readonly element: HTMLElement;
  readonly button = el("button", { class: "nbft-score", type: "button" });
  private readonly name = el("span", { class: "nbft-score-name" });
  private readonly value = el("span", { class: "nbft-score-value" });
  private readonly fill = el("span", { class: "nbft-score-fill" });

  constructor() {
    this.button.append(this.name, this.value, el("span", { class: "nbft-score-track", "aria-hidden": "true" }, this.fill));
    this.element = el("li", { class: "nbft-score-row" }, this.button);
  }

  /** Without a score: the place where one will be. */
  draw(name: string, probability: number | undefined, looked: boolean): void {
    setText(this.name, name);
    setText(this.value, probability === undefined ? "" : percent(probability));
    this.fill.style.width = `${100 * (probability ?? 0)}%`;
    this.button.disabled = probability === undefined;
    setAttribute(this.button, "aria-pressed", String(looked));
    setAttribute(this.button, "title", name && `${name}: show where the model looked for it`);
  }
}

export class Answer {
  readonly element: HTMLElement;
  private readonly label = el("p", { class: "nbft-answer-label" });
  private readonly value = el("p", { class: "nbft-answer-value" });
  private readonly words = el("p", { class: "nbft-answer-words", role: "status" });
  private readonly busy = el("span", { class: "nbft-answer-busy", "aria-hidden": "true" });
  private readonly list = el("ol", { class: "nbft-scores", "aria-label": "Classes" });
  private readonly more = el("button", { class: "nbft-text-button", type: "button" });
  private readonly again = el("button", { class: "nbft-button nbft-small", type: "button" }, "Try again");
  private readonly bars: Bar[] = [];
  private all = false;
  private drawn: Score[] = [];

  constructor(
    private readonly store: Store,
    private readonly look: (classNumber: number) => void,
    again: () => void,
    redraw: () => void,
  ) {
    const doing = el("div", { class: "nbft-answer-doing" }, this.value, this.busy, this.words, this.again);
    const head = el("div", { class: "nbft-answer-head", "aria-live": "polite" }, this.label, doing);
    this.element = el("div", { class: "nbft-answer", role: "group", "aria-label": "Answer" }, head, this.list, this.more);
    this.again.addEventListener("click", again);
    this.more.addEventListener("click", () => {
      this.all = !this.all;
      redraw();
    });
  }

  /** `looked`: the class whose evidence is on show. */
  draw(shown: Shown, classes: string[], engine: Engine, looked: number | undefined): void {
    const [first] = shown.top;
    setText(this.label, first ? classes[first[0]] ?? "" : shown.state === "failed" ? "No answer" : "…");
    setAttribute(this.label, "title", this.label.textContent ?? "");
    show(this.value, Boolean(first), first ? percent(first[1]) : "");
    const waiting = shown.state === "waiting";
    setText(this.words, shown.state === "failed" ? shown.reason : waiting ? engine.phase === "starting" ? `${engine.words} …` : "asking the model …" : "");
    show(this.busy, waiting);
    show(this.again, shown.state === "failed");
    this.element.classList.toggle("nbft-answer-waiting", waiting);
    this.element.classList.toggle("nbft-answer-failed", shown.state === "failed");
    const few = Math.min(FEW, classes.length);
    show(this.more, classes.length > few && shown.state === "answered", this.all ? `Only the first ${few}` : `All ${count(classes.length)} classes`);
    setAttribute(this.more, "aria-expanded", String(this.all));
    this.drawList(this.scores(shown), few, classes, looked);
  }

  private scores(shown: Shown): Score[] {
    const all = this.all && shown.state === "answered" ? this.store.scores(shown.id) : undefined;
    if (!all) return shown.top;
    return [...all].map((probability, place): Score => [place, probability]).sort((a, b) => b[1] - a[1]);
  }

  private drawList(scores: Score[], few: number, classes: string[], looked: number | undefined): void {
    this.drawn = scores;
    const rows = Math.max(few, scores.length);
    while (this.bars.length < rows) this.bars.push(this.bar(this.bars.length));
    this.bars.forEach((bar, place) => {
      const score = scores[place];
      if (place < rows) bar.draw(score ? classes[score[0]] ?? "" : "", score?.[1], score !== undefined && score[0] === looked);
      if (place < rows && !bar.element.isConnected) this.list.append(bar.element);
      if (place >= rows) bar.element.remove();
    });
  }

  private bar(place: number): Bar {
    const made = new Bar();
    made.button.addEventListener("click", () => {
      const score = this.drawn[place];
      if (score) this.look(score[0]);
    });
    return made;
  }
}
