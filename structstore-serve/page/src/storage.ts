// What the browser keeps between visits, where it allows that.

export function get(key: string): string | null {
  try {
    return localStorage.getItem(`structstore ${key}`);
  } catch {
    return null;
  }
}

export function set(key: string, value: string): void {
  try {
    localStorage.setItem(`structstore ${key}`, value);
  } catch {
    // Some frames have no storage. The page works without.
  }
}
