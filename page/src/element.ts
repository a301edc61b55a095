/** HTML elements as expressions. */

type Child = Node | string | null | undefined | false;
type Listeners = { [Name in keyof HTMLElementEventMap as `on${Name}`]?: (event: HTMLElementEventMap[Name]) => void };
type Attributes = { [name: string]: unknown } & Listeners;

/** Create an element; attributes that are false or null are left out, `onclick` and the like are listeners. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Name] {
  const created = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) created.addEventListener(key.slice(2), value as EventListener);
    else created.setAttribute(key, value === true ? "" : String(value));
  }
  created.append(...children.filter((child): child is Node | string => Boolean(child)));
  return created;
}

/** Replace the children of an element. */
export function fill(parent: Element, ...children: Child[]): void {
  parent.replaceChildren(...children.filter((child): child is Node | string => Boolean(child)));
}

/** A row of radio buttons. */
export function choices<Choice extends string>(
  legend: string,
  name: string,
  options: { value: Choice; label: string; hint?: string }[],
  chosen: Choice,
  take: (choice: Choice) => void,
): HTMLFieldSetElement {
  return element(
    "fieldset",
    { class: "choices" },
    element("legend", { class: "hidden" }, legend),
    ...options.map(({ value, label, hint }) =>
      element(
        "label",
        { title: hint },
        element("input", { type: "radio", name, value, checked: value === chosen, onchange: () => take(value) }),
        element("span", {}, label),
      ),
    ),
  );
}

/** A readable number of bytes. */
export function size(bytes: number): string {
  const units = ["B", "KB", "MB", "GB"];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) {
    bytes /= 1000;
    unit += 1;
  }
  return `${bytes < 10 && unit > 0 ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
}
