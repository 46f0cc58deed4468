// Colours of the host's theme as Plotly needs them: plain values, read anew when the theme changes.

export interface Theme {
  ink: string;
  soft: string;
  line: string;
  ground: string;
  font: string;
}

/** Lines of one run by measure, or several runs by run; as in widgets/still_svg.py. */
export const COLOURS = [
  "#4c8dd6", "#e08a1e", "#3fa66b", "#c9568b", "#8e7cc3", "#2aa5a0", "#c0663a", "#7f8c3c",
] as const;

export function colour(place: number): string {
  return COLOURS[place % COLOURS.length] ?? COLOURS[0];
}

/** The theme at an element. */
export function themeAt(element: HTMLElement): Theme {
  const probe = document.createElement("span");
  element.append(probe);
  const read = (name: string) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const theme = {
    ink: read("--nbft-ink"),
    soft: read("--nbft-ink-soft"),
    line: read("--nbft-line"),
    ground: read("--nbft-ground"),
    font: getComputedStyle(element).fontFamily,
  };
  probe.remove();
  return theme;
}

/** Call back when the host changes its theme: JupyterLab, VS Code and the system each say it elsewhere. */
export function onThemeChange(callback: () => void, signal: AbortSignal): void {
  const observer = new MutationObserver(callback);
  const attributeFilter = ["class", "style", "data-jp-theme-light", "data-jp-theme-name", "theme"];
  for (const node of [document.documentElement, document.body]) {
    observer.observe(node, { attributes: true, attributeFilter });
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", callback, { signal });
  // A theme's style sheet may come after its name was set.
  document.head.addEventListener("load", callback, { capture: true, signal });
  signal.addEventListener("abort", () => observer.disconnect());
}
