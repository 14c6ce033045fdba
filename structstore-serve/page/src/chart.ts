// What the charts of plots and vectors share.
import { css, unsafeCSS } from "lit";
import type uPlot from "uplot";
import uplotStyles from "uplot/dist/uPlot.min.css";
import { theme } from "./theme.ts";
import { formatNumber } from "./value.ts";

export const chartStyles = [
  unsafeCSS(uplotStyles),
  css`
    .body {
      overflow: hidden;
    }
    .chart {
      position: absolute;
      inset: 0;
    }
    .uplot {
      font: inherit;
    }
    .u-select {
      background: color-mix(in srgb, var(--accent) 18%, transparent);
    }
    .u-hz .u-cursor-x,
    .u-hz .u-cursor-y {
      border-color: var(--faint);
    }
  `,
];

const font = "11px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

export function axis(more: Partial<uPlot.Axis>): uPlot.Axis {
  const [text, line] = theme.dark ? ["#97a1ac", "#2a3037"] : ["#5a646f", "#e8ebee"];
  return {
    font,
    labelFont: font,
    stroke: text,
    labelSize: 16,
    labelGap: 0,
    gap: 4,
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line, width: 1, size: 4 },
    ...more,
  };
}

/** Labels of an axis of values, as wide as they need, and not narrower than they were. */
export function valueAxis(more: Partial<uPlot.Axis>): uPlot.Axis {
  let widest = 36;
  return axis({
    values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : label(tick))),
    size: (_, labels) => {
      const longest = Math.max(0, ...(labels ?? []).map((text) => text.length));
      widest = Math.max(widest, 6.5 * longest + 14);
      return widest;
    },
    ...more,
  });
}

function label(tick: number): string {
  const size = Math.abs(tick);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return tick.toExponential();
  return Number.isInteger(tick) ? String(tick) : String(Number(formatNumber(tick)));
}
