// Menus whose entries the kernel gives.

import { el } from "../lib/dom";

export function choice(name: string): HTMLSelectElement {
  return el("select", { class: "nbft-input", "aria-label": name, title: name });
}

/** Fill a menu, only where its entries have changed, and choose one. */
export function offer(select: HTMLSelectElement, entries: [string, string][], chosen: string): void {
  const key = JSON.stringify(entries);
  if (select.dataset["entries"] !== key) {
    select.dataset["entries"] = key;
    select.replaceChildren(...entries.map(([value, words]) => el("option", { value }, words)));
  }
  if (select.value !== chosen) select.value = chosen;
}
