// What the scan found, card by card, and the scan's own button and bar.

import type { AnyModel } from "@anywidget/types";

import type { About, OnShow } from "../gallery/protocol";
import type { Store } from "../gallery/store";
import { el, setAttribute, setText, show } from "../lib/dom";
import { count } from "../lib/wording";
import type { Finding, Query, Scan } from "./protocol";

export class Findings {
  readonly element: HTMLElement;
  private readonly words = el("span", { class: "nbft-facts", "aria-live": "polite" });
  private readonly check = el("button", { class: "nbft-button nbft-small", type: "button" }, "Check the images");
  private readonly stop = el("button", { class: "nbft-button nbft-small", type: "button" }, "Cancel");
  private readonly bar = el("progress", { class: "nbft-progress", "aria-label": "Images checked", max: "1" });
  private readonly cards = el("ul", { class: "nbft-cards" });
  private drawn = "";

  constructor(
    private readonly model: AnyModel,
    private readonly store: Store,
    private readonly say: (error: string) => void,
    signal: AbortSignal,
  ) {
    const head = el("div", { class: "nbft-findings-head" }, el("h4", {}, "Findings"), this.words, this.check, this.stop);
    this.element = el("section", { class: "nbft-findings", role: "group", "aria-label": "Findings" }, head, this.bar, this.cards);
    this.check.addEventListener("click", () => void this.ask("scan"));
    this.stop.addEventListener("click", () => void this.ask("stop scan"));
    store.listen("pictures", () => this.fillSamples(), signal);
  }

  draw(): void {
    const scan = this.model.get("scan") as Scan;
    const found = this.model.get("found") as Finding[];
    const { complete } = this.model.get("about") as About;
    const running = scan.state === "running";
    show(this.check, !running, scan.state === "none" ? "Check the images" : scan.state === "done" ? "Check again" : "Go on");
    setAttribute(this.check, "disabled", !complete);
    show(this.stop, running);
    show(this.bar, running);
    setAttribute(this.bar, "value", String(scan.of ? scan.done / scan.of : 0));
    setText(this.words, scan.trouble || scanWords(scan, found.filter((one) => !one.kept).length));
    this.drawCards(found, (this.model.get("on_show") as OnShow<Query>).query.finding);
  }

  /** In a few words, for where the cards are folded away. */
  inWords(): string {
    const open = (this.model.get("found") as Finding[]).filter((one) => !one.kept).length;
    const { state } = this.model.get("scan") as Scan;
    if (state === "running") return "Findings (checking)";
    return open === 1 ? "1 finding" : open ? `${open} findings` : "Findings";
  }

  private drawCards(found: Finding[], open: string): void {
    const key = JSON.stringify([found, open]);
    if (key === this.drawn) return;
    this.drawn = key;
    this.cards.replaceChildren(...found.map((one) => this.card(one, one.key === open)));
    this.fillSamples();
    const samples = found.flatMap((one) => one.samples.map(([image]) => image));
    if (samples.length) void this.store.ask("samples");
  }

  private card(finding: Finding, open: boolean): HTMLElement {
    const samples = finding.samples.map(([image, words]) =>
      el("img", { class: "nbft-sample", alt: "", title: words, draggable: "false", "data-image": String(image) }));
    const buttons = el("span", { class: "nbft-row" });
    if (finding.count) buttons.append(this.button(open ? "Show all" : "Show", () => this.ask("ask", { finding: open ? "" : finding.key })));
    if (finding.action && !finding.kept) buttons.append(this.button(finding.action, () => this.do(finding, "apply")));
    buttons.append(finding.kept
      ? this.button("Reopen", () => this.do(finding, "reopen"))
      : this.button("Take as is", () => this.do(finding, "keep")));
    const title = el("span", { class: "nbft-card-title" }, finding.title);
    const detail = el("span", { class: "nbft-card-detail" }, finding.detail);
    const classes = ["nbft-card", finding.kept ? "nbft-kept" : "", open ? "nbft-open" : ""];
    return el("li", { class: classes.filter(Boolean).join(" ") },
      title, ...(finding.detail ? [detail] : []),
      ...(samples.length ? [el("span", { class: "nbft-samples" }, ...samples)] : []), buttons);
  }

  private fillSamples(): void {
    for (const image of this.cards.querySelectorAll<HTMLImageElement>("[data-image]:not([src])")) {
      const picture = this.store.picture(`photo ${image.dataset["image"]}`);
      if (picture?.url) image.src = picture.url;
      else if (picture) image.classList.add("nbft-sample-broken");
    }
  }

  private button(words: string, act: () => Promise<void>): HTMLButtonElement {
    const button = el("button", { class: "nbft-button nbft-small", type: "button" }, words);
    button.addEventListener("click", () => void act());
    return button;
  }

  private do(finding: Finding, what: string): Promise<void> {
    return this.ask("finding", { key: finding.key, do: what });
  }

  private async ask(name: string, value?: unknown): Promise<void> {
    this.say(await this.store.ask(name, value));
  }
}

function scanWords(scan: Scan, open: number): string {
  if (scan.state === "running") return `${count(scan.done)} of ${count(scan.of)} checked`;
  if (scan.state === "stopped") return "stopped; what was checked is kept";
  if (scan.state === "none") return "not checked";
  return open ? `${open} to decide on` : "nothing that needs a decision";
}
