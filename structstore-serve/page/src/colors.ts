// Colors of lines, and the scale of colors for pictures.

const light = ["#1b62b8", "#c2410c", "#15803d", "#9333ea", "#b91c5c", "#0e7490", "#a16207", "#57534e"];
const dark = ["#74adf5", "#fb923c", "#4ade80", "#c084fc", "#f472b6", "#22d3ee", "#facc15", "#b8b2ac"];

export const lineColor = (line: number, onDark: boolean): string =>
  (onDark ? dark : light)[line % light.length]!;

const stops = [
  [68, 1, 84],
  [71, 45, 123],
  [59, 82, 139],
  [44, 114, 142],
  [33, 145, 140],
  [40, 174, 128],
  [94, 201, 98],
  [173, 220, 48],
  [253, 231, 37],
];

/** The colors of all bytes, from dark blue over green to yellow, as red, green and blue. */
export const colorScale = Uint8Array.from({ length: 768 }, (_, at) => {
  const place = (Math.floor(at / 3) / 255) * (stops.length - 1);
  const stop = Math.min(stops.length - 2, Math.floor(place));
  const [from, to] = [stops[stop]![at % 3]!, stops[stop + 1]![at % 3]!];
  return Math.round(from + (to - from) * (place - stop));
});
