// What custom elements share.

/** Defines a custom element, once also where this code is loaded twice. */
export const element = (name: string) => (type: CustomElementConstructor) => {
  if (!customElements.get(name)) customElements.define(name, type);
};

/** Tells the elements around this one. */
export function emit<T>(target: EventTarget, name: string, detail: T): void {
  target.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
}
