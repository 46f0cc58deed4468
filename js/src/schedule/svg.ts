// Elements of SVG, made in one expression and touched only where they change.

import { setAttribute } from "../lib/dom";

const SVG = "http://www.w3.org/2000/svg";

type Props = Record<string, string | number | undefined>;

/** A new element of SVG. */
export function svg<K extends keyof SVGElementTagNameMap>(tag: K, props: Props = {}, ...children: Node[]): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag);
  set(element, props);
  element.append(...children);
  return element;
}

/** Set attributes; `undefined` removes one. */
export function set(element: Element, props: Props): void {
  for (const [name, value] of Object.entries(props)) {
    setAttribute(element, name, value === undefined ? undefined : String(value));
  }
}

/** As many children as wanted, the first ones kept: focus and a pointer's capture stay with them. */
export function pool<T extends Element>(parent: Element, count: number, make: (place: number) => T): T[] {
  while (parent.childElementCount > count) parent.lastElementChild?.remove();
  while (parent.childElementCount < count) parent.append(make(parent.childElementCount));
  return [...parent.children] as T[];
}
