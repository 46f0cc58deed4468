// How good it is: each figure large, below it where it may lie on other images.

import type { AnyModel } from "@anywidget/types";

import type { About } from "../gallery/protocol";
import { el, setAttribute, setText, show } from "../lib/dom";
import { count } from "../lib/wording";
import type { Figure, State } from "./protocol";
import { imagesWords, intervalOf, valueOf } from "./words";

export class Head {
  readonly element: HTMLElement;
  private readonly facts = el("span", { class: "nbft-facts" });
  private readonly figures = el("dl", { class: "nbft-eval-figures", "aria-label": "Figures" });
  private readonly views = new Map<string, FigureView>();
  private readonly notes = el("ul", { class: "nbft-eval-notes" });
  private readonly words = el("p", { role: "status" });
  private readonly renew = el("button", { class: "nbft-button nbft-small", type: "button" }, "Show the newest");
  private readonly bar = el("progress", { class: "nbft-progress", "aria-label": "Images measured", max: "1" });

  /** `renew` reads what a run that trains on has come to. */
  constructor(private readonly model: AnyModel, renew: () => void) {
    this.renew.addEventListener("click", renew);
    const title = el("h3", { class: "nbft-title" }, "Evaluation");
    this.element = el("div", { class: "nbft-evaluation-head" },
      el("div", { class: "nbft-tools-head" }, title, this.facts), el("div", { class: "nbft-state" }, this.words, this.renew), this.bar, this.figures, this.notes);
  }

  draw(): void {
    const about = this.model.get("about") as About;
    const { phase, words, done, of, newer } = this.model.get("state") as State;
    const known = about.complete ? [imagesWords(about.total), `${count(about.classes.length)} classes`] : [];
    setText(this.facts, [about.title, ...known].join(" · "));
    show(this.words, Boolean(words), words);
    show(this.renew, phase === "ready" && Boolean(newer));
    this.words.classList.toggle("nbft-error", phase === "failed");
    show(this.bar, phase === "measuring");
    setAttribute(this.bar, "value", of ? String(done / of) : undefined);
    this.drawNotes(this.model.get("notes") as string[]);
    this.drawFigures(this.model.get("figures") as Figure[]);
  }

  private drawNotes(notes: readonly string[]): void {
    show(this.notes, notes.length > 0);
    this.notes.replaceChildren(...notes.map((note) => el("li", {}, note)));
  }

  private drawFigures(figures: readonly Figure[]): void {
    show(this.figures, figures.length > 0);
    // In two rows, where they do not fit in one, neither has a gap.
    this.figures.style.setProperty("--nbft-all", String(figures.length));
    this.figures.style.setProperty("--nbft-half", String(Math.ceil(figures.length / 2)));
    for (const figure of figures) {
      const view = this.views.get(figure.name) ?? new FigureView(figure.words);
      if (!this.views.has(figure.name)) this.figures.append(view.element);
      this.views.set(figure.name, view);
      view.draw(figure);
    }
  }
}

class FigureView {
  readonly element: HTMLElement;
  private readonly value = el("span", { class: "nbft-eval-figure-value" });
  private readonly interval = el("span", { class: "nbft-eval-figure-interval" });

  constructor(words: string) {
    this.element = el("div", { class: "nbft-eval-figure" }, el("dt", { title: words }, words), el("dd", {}, this.value, this.interval));
  }

  draw(figure: Figure): void {
    setText(this.value, valueOf(figure));
    setText(this.interval, figure.value === null ? figure.note : intervalOf(figure));
    setAttribute(this.element, "title", figure.note || (figure.low === null ? undefined : "In 95 of 100 samples of images like these, it lies between these two"));
  }
}
