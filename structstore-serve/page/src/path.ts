// Paths: the way from the root to a field, as `drive.gains[2]."any name"`.

export type Step = string | number;

export function parsePath(path: string): Step[] {
  const steps: Step[] = [];
  let rest = path;
  const take = (pattern: RegExp) => {
    const found = pattern.exec(rest)?.[0];
    if (found === undefined) throw new Error(`this is no path: ${path}`);
    rest = rest.slice(found.length);
    return found;
  };
  while (rest) {
    if (rest.startsWith("[")) {
      const indices = take(/^\[\s*\d{1,15}\s*(,\s*\d{1,15}\s*)*\]/);
      steps.push(...indices.slice(1, -1).split(",").map(Number));
      continue;
    }
    if (steps.length) take(/^\./);
    const name = take(/^"([^"\\]|\\.)*"|^[^."[\]\\]+/);
    steps.push(name.startsWith('"') ? (JSON.parse(name) as string) : name);
  }
  return steps;
}

export function isPath(value: unknown): value is string {
  try {
    return typeof value === "string" && parsePath(value).length >= 0;
  } catch {
    return false;
  }
}

export function formatPath(steps: Step[]): string {
  return steps.reduce<string>((path, step) => {
    if (typeof step === "number") return `${path}[${step}]`;
    return path ? `${path}.${quoted(step)}` : quoted(step);
  }, "");
}

/** A name as paths show it. */
function quoted(name: string): string {
  return name === "" || /[.[\]"\\\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(name) ? JSON.stringify(name) : name;
}

/** The path of an element of what is at `path`. */
export function elementPath(path: string, indices: number[]): string {
  return path + indices.map((index) => `[${index}]`).join("");
}

/** Whether `inner` is at `outer` or below it. */
export function covers(outer: string, inner: string): boolean {
  if (outer === "" || outer === inner) return true;
  const way = parsePath(inner);
  return parsePath(outer).every((step, at) => step === way[at]);
}
