// Elements in one expression, and classes and texts that are only touched when they change.

type Props = Record<string, string | boolean | undefined>;

/** Attributes of a region whose keys are its own, not the notebook's shortcuts. */
export const OWN_KEYS = { "data-lm-suppress-shortcuts": "true" };
/** What takes keys itself: JupyterLab asks the focused element before it asks the region around it. */
const KEYED = new Set(["button", "input", "select", "summary"]);

/** A new element: attributes by their HTML names (`false` and `undefined` leave them out). */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(KEYED.has(tag) ? { ...OWN_KEYS, ...props } : props)) setAttribute(element, name, value);
  element.append(...children);
  return element;
}

/** Set, empty or remove an attribute. */
export function setAttribute(element: Element, name: string, value: string | boolean | undefined): void {
  if (value === undefined || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value === true ? "" : value);
}

/** Set a text without disturbing a selection where nothing changes. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Show or hide; a text, where given, replaces the element's. */
export function show(element: HTMLElement, visible: boolean, text?: string): void {
  element.hidden = !visible;
  if (text !== undefined) setText(element, text);
}

let lastId = 0;

/** An id that no other element of the page has. */
export function newId(hint: string): string {
  lastId += 1;
  return `nbft-${hint}-${lastId}-${Math.floor(performance.timeOrigin % 1e6)}`;
}
