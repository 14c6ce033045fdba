// The icons, drawn with lines on a square of sixteen.
import { html, svg, type TemplateResult } from "lit";

const icon = (path: string) => html`<svg width="16" height="16" viewBox="0 0 16 16" fill="none"
  stroke="currentColor" stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"
  >${svg`<path d=${path} />`}</svg>`;

export const icons = {
  add: icon("M8 3v10M3 8h10"),
  auto: icon("M8 2.5a5.5 5.5 0 1 0 0 11zM8 2.5a5.5 5.5 0 0 1 0 11"),
  back: icon("M10 3.5 5.5 8l4.5 4.5"),
  close: icon("M4 4l8 8M12 4l-8 8"),
  dark: icon("M13 9.6A5.6 5.6 0 0 1 6.4 3a5.5 5.5 0 1 0 6.6 6.6z"),
  expand: icon("M9.5 3H13v3.5M13 3 9.3 6.7M6.5 13H3V9.5M3 13l3.7-3.7"),
  fold: icon("M6 4l4 4-4 4"),
  help: icon("M6 6a2 2 0 1 1 2.8 1.9c-.6.3-.8.7-.8 1.4M8 11.8v.1M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12z"),
  info: icon("M8 7.3V11M8 5v.1M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12z"),
  layout: icon("M2.5 3.5h11v9h-11zM7 3.5v9M7 8h6.5"),
  light: icon(
    "M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6zM8 1.8v1.2M8 13v1.2M1.8 8H3M13 8h1.2M3.6 3.6l.9.9M11.5 11.5l.9.9M3.6 12.4l.9-.9M11.5 4.5l.9-.9",
  ),
  lock: icon("M4 7.5h8v5.5H4zM5.7 7.5V5.3a2.3 2.3 0 0 1 4.6 0v2.2"),
  more: icon("M3.5 8h.1M8 8h.1M12.5 8h.1"),
  pause: icon("M5.5 4v8M10.5 4v8"),
  picture: icon("M2.5 3.5h11v9h-11zM2.7 11l3.3-3.3 2.6 2.6 1.7-1.7 3 3M10.5 6.2v.1"),
  play: icon("M5.5 3.8v8.4L12 8z"),
  plot: icon("M2.5 2.5v11h11M4.5 10.5l2.5-4 2.5 2.5 3.5-5"),
  redo: icon("M13 5.5H6a3.2 3.2 0 0 0 0 6.5h3M10.5 3 13 5.5 10.5 8"),
  reset: icon("M3.5 5.2A5.3 5.3 0 1 1 2.7 8.5M3.3 2.3v3h3"),
  search: icon("M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.3l3.2 3.2"),
  table: icon("M2.5 3.5h11v9h-11zM2.5 6.5h11M2.5 9.5h11M6.5 3.5v9"),
  undo: icon("M3 5.5h7a3.2 3.2 0 0 1 0 6.5H7M5.5 3 3 5.5 5.5 8"),
  vector: icon("M2.5 13.5v-3M5.250 13.5v-7M8 13.5v-10M10.750 13.5v-5M13.5 13.5v-8"),
} satisfies Record<string, TemplateResult>;
