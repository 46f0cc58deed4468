// The chosen picture, large, and on demand where the model looked.

import { el, setAttribute, setText, show } from "../lib/dom";
import type { Shown } from "./protocol";
import type { Store } from "./store";

/** Pictures up to this side are shown with their pixels. */
const TINY = 64;

const METHODS: Record<string, string> = {
  grad_cam: "Grad-CAM", hires_cam: "HiResCAM", eigen_cam: "EigenCAM",
  gradient_attention: "gradient attention", attention_rollout: "attention rollout",
};

export class Stage {
  readonly element: HTMLElement;
  private readonly image = photo("nbft-look-image");
  private readonly heat = photo("nbft-look-image nbft-look-heat");
  private readonly name = el("span", { class: "nbft-look-name" });
  private readonly size = el("span", { class: "nbft-look-size" });
  private readonly broken = el("p", { class: "nbft-look-broken" });
  private readonly note = el("p", { class: "nbft-note" });
  private readonly words = el("p", { class: "nbft-look-words", role: "status" });
  private readonly toggle = el("button", { class: "nbft-button nbft-small", type: "button" }, "Show where the model looked");

  constructor(private readonly store: Store, turn: () => void) {
    const frame = el("div", { class: "nbft-look-frame" }, this.image, this.heat, this.broken);
    const facts = el("div", { class: "nbft-look-facts" }, this.name, this.size);
    const foot = el("div", { class: "nbft-look-foot" }, this.toggle, this.words);
    this.element = el("div", { class: "nbft-look", role: "group", "aria-label": "Picture" }, facts, frame, foot, this.note);
    this.toggle.addEventListener("click", turn);
  }

  draw(shown: Shown, looking: boolean, target: string): void {
    setText(this.name, shown.name);
    setAttribute(this.name, "title", shown.name);
    setText(this.size, shown.width ? `${shown.width} × ${shown.height} px` : "");
    show(this.note, Boolean(shown.note), shown.note);
    const whole = this.store.picture("whole", shown.id);
    const picture = whole ?? this.store.picture("photo", shown.id);
    lay(this.image, picture?.url ?? "", `Picture ${shown.name}`);
    show(this.broken, Boolean(picture?.reason), picture?.reason ? `This picture can’t be read: ${picture.reason}` : "");
    this.toggle.disabled = shown.state !== "answered";
    setAttribute(this.toggle, "aria-pressed", String(looking));
    this.drawHeat(shown, looking && shown.state === "answered", target);
  }

  private drawHeat(shown: Shown, looking: boolean, target: string): void {
    const found = looking ? this.store.explanation(shown.id, target) : undefined;
    lay(this.heat, found?.picture?.url ?? "", found ? `Where the model looked for ${found.told.class_name}` : "");
    setText(this.words, !looking ? "" : !found ? "looking …" : found.told.words || told(found.told.class_name, found.told.method));
  }
}

function photo(kind: string): HTMLImageElement {
  const image = el("img", { class: kind, alt: "", draggable: "false" });
  image.addEventListener("load", () => image.classList.toggle("nbft-look-tiny", image.naturalWidth <= TINY));
  return image;
}

function told(name: string, method: string): string {
  return `bright: what speaks for ${name}; ${METHODS[method] ?? method}`;
}

function lay(image: HTMLImageElement, url: string, alt: string): void {
  if (url && image.getAttribute("src") !== url) image.src = url;
  setAttribute(image, "alt", alt);
  show(image, Boolean(url));
}
