// The bar that starts, holds and ends a run, and says where it stands.

import type { AnyModel, RenderProps } from "@anywidget/types";

import { type Ask, asker, follow } from "./lib/asking";
import { el, OWN_KEYS, setAttribute, setText, show } from "./lib/dom";
import { hideSaved } from "./lib/saved";
import { Segments } from "./lib/segments";
import { count, duration, figure, memory } from "./lib/wording";

interface State {
  buttons?: Record<string, boolean>;
  missing?: string;
  plan?: string;
  offer?: string;
  asked?: string;
  applied?: string;
  error?: string;
  details?: string;
  opened?: string;
}

/** What can be opened of a trained model: name, words, help. */
const WAYS = [
  ["evaluation", "Evaluate", "Where it is right and wrong, image by image; wrong labels"],
  ["predictor", "Try it", "What it says of pictures of your own"],
  ["export", "Export", "As a file for other programs, checked to say the same"],
] as const;

/** As `nbfinetune.runner.speed_notes.SpeedNote` writes it. */
interface SpeedNote {
  text: string;
  help: string;
  tone: "" | "warn";
}

interface Bearings {
  status: string;
  phase: string;
  step: number;
  steps: number;
  epoch: number;
  epochs: number;
  eta_s: number | null;
  images_per_s: number | null;
  memory_mb: number | null;
  accuracy: number | null;
  best_epoch: number | null;
  device: string;
  ending: string;
  notes?: SpeedNote[];
}

/** Figures of the status line: name, and its text where there is one. */
const FIGURES: [string, (at: Bearings) => string][] = [
  ["Epoch", (at) => (at.steps ? `${at.epoch} of ${at.epochs}` : "")],
  ["Step", (at) => (at.steps ? `${count(at.step)} of ${count(at.steps)}` : "")],
  ["Time left", (at) => (at.eta_s === null ? "" : duration(at.eta_s))],
  ["Images/s", (at) => (at.images_per_s === null ? "" : figure(at.images_per_s))],
  ["Best accuracy", (at) => (at.accuracy === null ? "" : `${(100 * at.accuracy).toFixed(1)} %`)],
  ["Memory", (at) => (at.memory_mb === null ? "" : memory(at.memory_mb))],
  ["Device", (at) => at.device],
];

function render({ model, el: root, signal: given }: RenderProps & { signal?: AbortSignal }) {
  const ending = new AbortController();
  new BarView(model, root, given ?? ending.signal);
  return () => ending.abort();
}

class BarView {
  private readonly ask: Ask;
  private readonly buttons: Record<string, HTMLButtonElement>;
  private readonly word = el("span", { class: "nbft-word" });
  private readonly phase = el("span", { class: "nbft-phase" });
  private readonly figures = FIGURES.map(([name]) => figureView(name));
  private readonly notes = el("ul", { class: "nbft-notes", "aria-label": "Chosen for speed" });
  private readonly bar = el("progress", { class: "nbft-progress", "aria-label": "Progress", max: "1" });
  private readonly reply = el("span", { class: "nbft-reply", "aria-live": "polite" });
  private readonly plan = el("p", { class: "nbft-plan" });
  private readonly ways = new Segments<string>("The trained model", WAYS, (way) => void this.press(way));
  private readonly offer = el("div", { class: "nbft-offer" });
  private readonly failure = new Failure();

  constructor(private readonly model: AnyModel, root: HTMLElement, signal: AbortSignal) {
    this.ask = asker(model, signal);
    this.buttons = {
      start: this.button("start", "Start", "nbft-primary"),
      pause: this.button("pause", "Pause"),
      resume: this.button("resume", "Resume"),
      stop: this.button("stop", "Stop"),
    };
    this.lay(root);
    follow(model, signal, ["state"], () => this.drawState());
    follow(model, signal, ["bearings"], () => this.drawBearings());
  }

  private lay(root: HTMLElement): void {
    const buttons = el("div", { class: "nbft-row", role: "group", "aria-label": "Run" }, ...Object.values(this.buttons));
    // The figures change several times a second: only the word is read out.
    const figures = el("div", { class: "nbft-figures", "aria-live": "off" }, ...this.figures.map(({ box }) => box));
    const status = el("div", { class: "nbft-status", role: "status" }, this.word, this.phase, figures, this.notes);
    const top = el("div", { class: "nbft-bar-top" }, buttons, status);
    const lines = el("div", { class: "nbft-lines" }, this.plan, this.reply, this.ways.element);
    hideSaved(this.model, root);
    root.append(el("div", { class: "nbft-bar", ...OWN_KEYS }, top, this.bar, lines, this.offer, this.failure.element));
  }

  private button(name: string, label: string, kind = ""): HTMLButtonElement {
    const icon = el("span", { class: `nbft-icon nbft-icon-${name}`, "aria-hidden": "true" });
    const button = el("button", { class: `nbft-button ${kind}`, type: "button" }, icon, label);
    button.addEventListener("click", () => void this.press(name));
    return button;
  }

  private async press(name: string): Promise<void> {
    this.say(await this.ask(name));
  }

  private say(error: string): void {
    if (!error) return;
    setText(this.reply, error);
    this.reply.classList.add("nbft-refused");
  }

  private drawState(): void {
    const state = this.model.get("state") as State;
    for (const [name, button] of Object.entries(this.buttons)) {
      const able = state.buttons?.[name] ?? false;
      // Start can be pressed all the same: it says what is missing.
      const missing = name === "start" && Boolean(state.missing) && able;
      setAttribute(button, "disabled", !able);
      button.classList.toggle("nbft-held", missing);
      setAttribute(button, "title", missing ? state.missing : undefined);
    }
    const held = state.buttons?.["resume"] ?? false;
    show(this.buttons["resume"]!, held);
    show(this.buttons["pause"]!, !held);
    this.reply.classList.remove("nbft-refused");
    setText(this.reply, state.asked || state.applied || "");
    this.reply.classList.toggle("nbft-asked", Boolean(state.asked));
    show(this.plan, Boolean(state.plan), state.plan ?? "");
    this.ways.draw(state.opened ?? "");
    this.drawOffer(state.offer ?? "");
    this.failure.draw(state.error ?? "", state.details ?? "");
  }

  private drawOffer(offer: string): void {
    show(this.offer, Boolean(offer));
    if (!offer || this.offer.textContent?.startsWith(offer)) return;
    const button = el("button", { class: "nbft-button", type: "button" }, "Show that run");
    button.addEventListener("click", () => void this.press("attach"));
    this.offer.replaceChildren(el("span", {}, offer), button);
  }

  private drawBearings(): void {
    const at = this.model.get("bearings") as Bearings;
    setText(this.word, at.status);
    setAttribute(this.word, "data-status", at.status);
    show(this.phase, Boolean(at.phase || at.ending), at.phase || at.ending);
    FIGURES.forEach(([, text], index) => {
      const { box, value } = this.figures[index]!;
      show(box, Boolean(text(at)));
      setText(value, text(at));
    });
    this.drawNotes(at.notes ?? []);
    this.ways.able(at.best_epoch !== null, "as soon as an epoch has been measured");
    const live = ["starting", "running", "paused"].includes(at.status);
    setAttribute(this.bar, "data-status", at.status);
    if (live && !at.steps) setAttribute(this.bar, "value", undefined);
    else setAttribute(this.bar, "value", String(at.steps ? at.step / at.steps : 0));
    this.bar.style.visibility = live || at.steps ? "visible" : "hidden";
  }

  private drawNotes(notes: SpeedNote[]): void {
    show(this.notes, notes.length > 0);
    while (this.notes.childElementCount > notes.length) this.notes.lastElementChild!.remove();
    notes.forEach(({ text, help, tone }, index) => {
      const line = this.notes.children[index] ?? this.notes.appendChild(el("li"));
      setText(line, text);
      setAttribute(line, "title", help);
      setAttribute(line, "data-tone", tone || undefined);
    });
  }
}

class Failure {
  private readonly sentence = el("p", {});
  private readonly details = el("pre", { tabindex: "0", "aria-label": "Traceback" });
  private readonly fold = el("details", {}, el("summary", {}, "Details"), this.details);
  readonly element = el("div", { class: "nbft-failure", role: "alert" }, this.sentence, this.fold);

  draw(error: string, details: string): void {
    show(this.element, Boolean(error));
    setText(this.sentence, error);
    show(this.fold, Boolean(details));
    setText(this.details, details);
  }
}

function figureView(name: string): { box: HTMLElement; value: HTMLElement } {
  const value = el("span", { class: "nbft-value" });
  const kind = name.toLowerCase().replace(/\W+/g, "-");
  return { box: el("span", { class: `nbft-figure nbft-figure-${kind}` }, el("span", { class: "nbft-name" }, name), value), value };
}

export default { render };
