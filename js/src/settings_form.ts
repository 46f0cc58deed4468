// A panel of settings: native controls drawn from a list of fields; Python holds every value.

import type { AnyModel, RenderProps } from "@anywidget/types";

import { type Ask, asker, follow } from "./lib/asking";
import { el, OWN_KEYS, setAttribute, show } from "./lib/dom";
import { type Field, FieldView } from "./lib/field";
import { hideSaved } from "./lib/saved";

interface Button {
  name: string;
  label: string;
  help: string;
  enabled: boolean;
}

interface State {
  values?: Record<string, string | boolean>;
  errors?: Record<string, string>;
  notes?: Record<string, string>;
  hidden?: string[];
  buttons?: Button[];
  live?: boolean;
  note?: string;
}

function render({ model, el: root, signal: given }: RenderProps & { signal?: AbortSignal }) {
  hideSaved(model, root);
  const ending = new AbortController();
  const signal = given ?? ending.signal;
  new FormView(model, root, signal);
  return () => ending.abort();
}

class FormView {
  private readonly fields: FieldView[];
  private readonly more = el("details", { class: "nbft-more" }, el("summary", {}, "More"));
  private readonly mark = el("span", { class: "nbft-mark" });
  private readonly buttons = el("div", { class: "nbft-row" });
  private readonly note = el("p", { class: "nbft-note", "aria-live": "polite" });
  private readonly ask: Ask;

  constructor(private readonly model: AnyModel, root: HTMLElement, signal: AbortSignal) {
    this.ask = asker(model, signal);
    const fields = model.get("fields") as Field[];
    const allLive = fields.length > 0 && fields.every((field) => field.live);
    this.mark.textContent = allLive ? "live" : "next run";
    this.mark.classList.toggle("nbft-mark-live", allLive);
    this.fields = fields.map((field) => new FieldView(field, this.ask, !allLive));
    this.lay(root);
    follow(model, signal, ["state"], () => this.draw());
  }

  private lay(root: HTMLElement): void {
    const [usual, rare] = [el("div", { class: "nbft-fields" }), el("div", { class: "nbft-fields" })];
    for (const view of this.fields) (view.field.rare ? rare : usual).append(view.element);
    this.more.append(rare);
    this.more.hidden = rare.childElementCount === 0;
    const title = el("h3", { class: "nbft-title" }, this.model.get("title") as string, this.mark);
    const region = { class: "nbft-panel", role: "region", "aria-label": this.model.get("region") as string, ...OWN_KEYS };
    root.append(el("section", region, title, usual, this.more, this.buttons, this.note));
  }

  private draw(): void {
    const state = this.model.get("state") as State;
    const hidden = new Set(state.hidden ?? []);
    for (const view of this.fields) {
      const name = view.field.name;
      show(view.element, !hidden.has(name));
      view.draw({
        value: state.values?.[name] ?? "",
        error: state.errors?.[name] ?? "",
        note: state.notes?.[name] ?? "",
        live: state.live ?? false,
      });
      if (view.field.rare && state.errors?.[name]) this.more.open = true;
    }
    show(this.mark, state.live ?? false);
    show(this.note, Boolean(state.note), state.note ?? "");
    this.drawButtons(state.buttons ?? []);
  }

  private drawButtons(buttons: Button[]): void {
    show(this.buttons, buttons.length > 0);
    const known = new Map([...this.buttons.children].map((button) => [button.getAttribute("name"), button]));
    this.buttons.replaceChildren(
      ...buttons.map(({ name, label, help, enabled }) => {
        const button = known.get(name) ?? el("button", { class: "nbft-button", type: "button", name });
        if (!known.has(name)) button.addEventListener("click", () => void this.press(name));
        button.textContent = label;
        setAttribute(button, "title", help);
        setAttribute(button, "disabled", !enabled);
        return button;
      }),
    );
  }

  private async press(name: string): Promise<void> {
    const error = await this.ask(name);
    if (error) show(this.note, true, error);
  }
}

export default { render };
