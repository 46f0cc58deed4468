// One view of a predictor: a place to drop pictures, and once there are some, what the model says of them.

import type { AnyModel } from "@anywidget/types";

import { follow } from "../lib/asking";
import { el, OWN_KEYS, setText, show } from "../lib/dom";
import { count } from "../lib/wording";
import { Answer } from "./answer";
import { Camera } from "./camera";
import { FolderForm } from "./folder";
import { Intake } from "./intake";
import type { Source } from "./prepared";
import type { About, Engine, FolderWork, Shown } from "./protocol";
import { Stage } from "./stage";
import type { Store } from "./store";
import { Strip } from "./strip";

/** Pictures that the kernel keeps. */
const MOST = 20;
/** Classes that the line below the drop zone names. */
const NAMED = 12;

export class PredictorView {
  private readonly panel: HTMLElement;
  private readonly facts = el("span", { class: "nbft-predictor-facts" });
  private readonly engine = el("span", { class: "nbft-predictor-engine", role: "status" });
  private readonly clear = el("button", { class: "nbft-text-button", type: "button" }, "Clear");
  private readonly intake: Intake;
  private readonly strip: Strip;
  private readonly stage: Stage;
  private readonly answer: Answer;
  private readonly folder: FolderForm;
  private readonly body: HTMLElement;
  private readonly error = el("p", { class: "nbft-error nbft-predictor-error", role: "alert", hidden: true });
  private chosen: number | undefined;
  private newest = 0;
  /** Whether the next new picture is the first of those that were given here. */
  private awaiting = false;
  private looking = false;
  private filming = false;
  private target: number | undefined;

  constructor(private readonly model: AnyModel, private readonly store: Store, root: HTMLElement, signal: AbortSignal) {
    this.panel = el("section", { class: "nbft-panel nbft-predictor", role: "region", "aria-label": "Predictor", tabindex: "-1", ...OWN_KEYS });
    const say = (error: string) => this.say(error);
    const camera = new Camera((source) => this.take([source]), say, (on) => this.turnCamera(on), signal);
    this.intake = new Intake(this.panel, { take: (sources) => this.take(sources), say, camera: () => void camera.toggle() }, signal);
    this.strip = new Strip(store, (id) => this.choose(id));
    this.stage = new Stage(store, () => this.turnLooking());
    this.answer = new Answer(store, (place) => this.lookFor(place), () => this.again(), () => this.draw());
    this.folder = new FolderForm(store, signal);
    this.body = el("div", { class: "nbft-predictor-body" }, this.strip.element, this.stage.element, this.answer.element);
    const head = el("div", { class: "nbft-predictor-head" }, el("h3", { class: "nbft-title" }, "Predictor"), this.facts, this.engine, this.clear);
    this.panel.append(head, this.intake.element, camera.element, this.error, this.body, this.folder.element);
    root.append(el("div", { class: "nbft-predictor-box" }, this.panel));
    this.clear.addEventListener("click", () => void this.act("clear"));
    for (const event of ["pictures", "scores", "explained", "pending"] as const) store.listen(event, () => this.draw(), signal);
    follow(model, signal, ["about", "pictures", "engine", "folder"], () => this.draw());
  }

  // What hands do.

  private take(sources: Source[]): void {
    const left = sources.length > MOST ? [`Only the last ${MOST} pictures are kept: the first ${MOST} of ${sources.length} are taken.`] : [];
    this.say(left.join("\n"));
    this.awaiting = true;
    void this.store.send(sources.slice(0, MOST), (errors) => this.say([...left, ...errors].join("\n")));
  }

  private choose(id: number): void {
    this.chosen = id;
    this.target = undefined;
    this.draw();
  }

  private turnCamera(on: boolean): void {
    this.filming = on;
    this.intake.drawCamera(on);
    this.draw();
  }

  private turnLooking(): void {
    if (!this.looking) this.store.forgetFailed();
    this.looking = !this.looking;
    this.target = undefined;
    this.draw();
  }

  /** Evidence for a class; pressed once more, the plain picture. */
  private lookFor(place: number): void {
    const same = this.looking && place === this.looked(this.current());
    this.looking = !same;
    this.target = same ? undefined : place;
    this.draw();
  }

  private again(): void {
    void this.act("again", this.chosen);
  }

  private async act(name: string, value?: unknown): Promise<void> {
    this.say(await this.store.ask(name, value));
  }

  private say(error: string): void {
    show(this.error, Boolean(error), error);
  }

  // What is drawn.

  private draw(): void {
    const about = this.model.get("about") as About;
    if (!about.classes) return;
    const { shown, pending } = this.store;
    const any = shown.length + pending.length > 0;
    setText(this.facts, [about.model, `${count(about.classes.length)} classes`].join(" · "));
    this.facts.title = about.run;
    this.drawEngine(this.model.get("engine") as Engine);
    show(this.clear, shown.length > 0);
    this.intake.draw(any || this.filming, any ? "" : recognised(about.classes), about.trouble);
    show(this.body, any);
    this.panel.classList.toggle("nbft-predictor-any", any);
    this.follow(shown);
    this.strip.draw(about.classes, this.chosen);
    this.drawChosen(about.classes);
    show(this.folder.element, about.folders);
    this.folder.draw(this.model.get("folder") as FolderWork, about.trouble);
  }

  private drawEngine({ phase, words }: Engine): void {
    setText(this.engine, phase === "starting" ? `${words} …` : phase === "failed" ? words : "");
    this.engine.classList.toggle("nbft-predictor-failed", phase === "failed");
  }

  private drawChosen(classes: string[]): void {
    const current = this.current();
    show(this.stage.element, current !== undefined);
    show(this.answer.element, current !== undefined);
    if (!current) return;
    const target = this.target === undefined ? "" : classes[this.target] ?? "";
    this.stage.draw(current, this.looking, target);
    this.answer.draw(current, classes, this.model.get("engine") as Engine, this.looking ? this.looked(current) : undefined);
  }

  /** Of pictures that come together, the first comes into sight and stays. */
  private follow(shown: Shown[]): void {
    const fresh = shown.filter(({ id }) => id > this.newest);
    const first = fresh[fresh.length - 1];
    if (this.awaiting && first) [this.chosen, this.target, this.awaiting] = [first.id, undefined, false];
    if (!shown.some(({ id }) => id === this.chosen)) this.chosen = shown[0]?.id;
    this.newest = Math.max(this.newest, shown[0]?.id ?? 0);
  }

  private current(): Shown | undefined {
    return this.store.shown.find(({ id }) => id === this.chosen);
  }

  private looked(shown: Shown | undefined): number | undefined {
    return this.target ?? shown?.top[0]?.[0];
  }
}

/** The classes in one line, as many as are read at a glance. */
function recognised(classes: string[]): string {
  const named = classes.slice(0, NAMED).join(", ");
  const more = classes.length - NAMED;
  return `This model knows ${named}${more > 0 ? ` and ${count(more)} more` : ""}`;
}
