/** The form of a tool's parameters, built from their JSON Schema. */

import { type Asset, type Parameters, type Property, type Tool, type Value, helpOf } from "./api";
import { choices, element } from "./element";
import { fileField } from "./file_field";

/** Limits for choices as a row of buttons: their number, and their letters. */
const BUTTONS = { count: 4, letters: 24 };
/** Widest range with a slider. */
const SLIDER_RANGE = 200;
/** Maximum of a seed, which gets a Random button. */
const SEED_MAXIMUM = 2 ** 31 - 1;

/** Values of a tool's parameters. */
export class Form {
  readonly element: HTMLElement;
  private readonly values: Parameters;
  private readonly show = new Map<string, (value: Value) => void>();

  constructor(
    private readonly tool: Tool,
    initial: Parameters,
    private readonly changed: () => void,
    /** The first input, which masks are painted over; null for none. */
    private readonly input: () => Promise<Asset | null> = async () => null,
  ) {
    this.values = { ...initial };
    const properties = Object.entries(tool.parameters.properties);
    const advanced = properties.filter(([, property]) => property["x-advanced"]);
    const common = properties.filter(([, property]) => !property["x-advanced"]);
    this.element = element(
      "div",
      { class: "form" },
      ...common.map(([name, property]) => this.row(name, property)),
      advanced.length > 0 &&
        element(
          "details",
          { open: advanced.some(([name]) => name in initial) },
          element("summary", {}, "Advanced"),
          ...advanced.map(([name, property]) => this.row(name, property)),
        ),
    );
  }

  /** Values that differ from the defaults. */
  get parameters(): Parameters {
    return { ...this.values };
  }

  /** Reset all parameters to their defaults. */
  reset(): void {
    for (const [name, property] of Object.entries(this.tool.parameters.properties)) {
      this.show.get(name)?.(property.default);
    }
    for (const name of Object.keys(this.values)) delete this.values[name];
    this.changed();
  }

  private take(name: string, property: Property, value: Value): void {
    if (JSON.stringify(value) === JSON.stringify(property.default)) delete this.values[name];
    else this.values[name] = value;
    this.changed();
  }

  private row(name: string, property: Property): HTMLElement {
    const id = `${this.tool.name}-${name}`;
    const take = (value: Value): void => this.take(name, property, value);
    const { control, show, label } = this.control(id, property, this.values[name] ?? property.default, take);
    this.show.set(name, show);
    const help = element("p", { class: "help", id: `${id}-help` }, helpOf(property));
    if (property.type === "boolean") {
      return element("div", { class: "row" }, element("label", { class: "check" }, control, property.title), help);
    }
    const title = label
      ? element("label", { for: label }, property.title)
      : element("span", { class: "label", "aria-hidden": "true" }, property.title);
    return element("div", { class: "row" }, title, control, help);
  }

  /** A control, a function that sets its value, and the id for its label if it is a single input. */
  private control(
    id: string,
    property: Property,
    value: Value,
    take: (value: Value) => void,
  ): { control: HTMLElement; show: (value: Value) => void; label?: string } {
    const described = `${id}-help`;
    if (property.enum) return this.oneOf(id, property, property.enum, value, take);
    if (property.type === "boolean") {
      const box = element("input", { type: "checkbox", id, checked: value === true, "aria-describedby": described });
      box.addEventListener("change", () => take(box.checked));
      return { control: box, show: (shown) => void (box.checked = shown === true), label: id };
    }
    if (property.type === "array") return numbers(id, property, value as number[], take);
    if (property["x-file"]) return fileField(id, property, value as string, take, this.input);
    if (property.type === "string") {
      const text = element("input", {
        type: "text",
        id,
        value,
        placeholder: property["x-placeholder"] || null,
        autocomplete: "off",
        spellcheck: "false",
        "aria-describedby": described,
      });
      text.addEventListener("change", () => take(text.value.trim()));
      return { control: text, show: (shown) => void (text.value = String(shown)), label: id };
    }
    return numeric(id, property, value as number, take);
  }

  private oneOf(
    id: string,
    property: Property,
    options: (string | number)[],
    value: Value,
    take: (value: Value) => void,
  ): { control: HTMLElement; show: (value: Value) => void; label?: string } {
    const typed = (text: string): Value => (property.type === "string" ? text : Number(text));
    const labels = property["x-labels"] ?? options.map(String);
    if (options.length <= BUTTONS.count && labels.join("").length <= BUTTONS.letters) {
      const control = choices(
        property.title,
        id,
        options.map((option, index) => ({ value: String(option), label: labels[index]! })),
        String(value),
        (text) => take(typed(text)),
      );
      control.setAttribute("aria-describedby", `${id}-help`);
      const show = (shown: Value): void => {
        for (const radio of control.querySelectorAll("input")) radio.checked = radio.value === String(shown);
      };
      return { control, show };
    }
    const list = element(
      "select",
      { id, "aria-describedby": `${id}-help` },
      ...options.map((option, index) => element("option", { value: option, selected: option === value }, labels[index]!)),
    );
    list.addEventListener("change", () => take(typed(list.value)));
    return { control: list, show: (shown) => void (list.value = String(shown)), label: id };
  }
}

/** A number field, with a slider for a narrow range. */
function numeric(
  id: string,
  property: Property,
  value: number,
  take: (value: Value) => void,
): { control: HTMLElement; show: (value: Value) => void; label: string } {
  const { minimum, maximum, type } = property;
  const bounds = { min: minimum, max: maximum };
  const range = minimum !== undefined && maximum !== undefined ? maximum - minimum : Infinity;
  const whole = type === "integer";
  const dragged = range <= SLIDER_RANGE;
  const step = whole ? 1 : range <= 1 ? 0.01 : range <= 10 ? 0.05 : 1;
  // The value comes last, since it is adjusted to the bounds and step at that time.
  const field = element("input", {
    type: "number",
    id,
    ...bounds,
    step: whole ? 1 : "any",
    value: written(value, property),
    placeholder: property["x-placeholder"] || null,
    inputmode: whole ? "numeric" : "decimal",
    "aria-describedby": `${id}-help`,
  });
  const slider = dragged
    ? element("input", { type: "range", ...bounds, step, value, "aria-label": property.title })
    : null;
  const show = (shown: Value): void => {
    field.value = written(shown as number, property);
    if (slider) slider.value = String(shown);
  };
  field.addEventListener("change", () => {
    const typed = field.value === "" || !Number.isFinite(field.valueAsNumber) ? (property.default as number) : field.valueAsNumber;
    const bounded = Math.min(Math.max(whole ? Math.round(typed) : typed, minimum ?? -Infinity), maximum ?? Infinity);
    show(bounded);
    take(bounded);
  });
  slider?.addEventListener("input", () => {
    field.value = written(slider.valueAsNumber, property);
    take(slider.valueAsNumber);
  });
  const another =
    whole && (maximum ?? 0) >= SEED_MAXIMUM
      ? element("button", { type: "button", onclick: () => {
          const drawn = crypto.getRandomValues(new Uint32Array(1))[0]! % 10000;
          show(drawn);
          take(drawn);
        } }, "Random")
      : null;
  const parts = [slider, field, unit(property), another].filter((part) => part !== null);
  return { control: element("div", { class: "numeric" }, ...parts), show, label: id };
}

/** Several numbers that form one value, such as a position in an image. */
function numbers(
  id: string,
  property: Property,
  value: number[],
  take: (value: Value) => void,
): { control: HTMLElement; show: (value: Value) => void } {
  const names = property.maxItems === 2 ? ["X", "Y"] : value.map((_, index) => String(index + 1));
  const fields = value.map((number, index) =>
    element("input", {
      type: "number",
      step: 1,
      value: written(number, property, index),
      placeholder: property["x-placeholder"] || null,
      "aria-label": `${property.title} ${names[index]}`,
    }),
  );
  const control = element("div", {
    class: "numeric",
    role: "group",
    "aria-label": property.title,
    "aria-describedby": `${id}-help`,
    onchange: () => {
      const defaults = property.default as number[];
      take(fields.map((field, index) => (Number.isFinite(field.valueAsNumber) ? field.valueAsNumber : defaults[index]!)));
    },
  });
  fields.forEach((field, index) => control.append(element("label", { class: "part" }, names[index]!, field)));
  control.append(...[unit(property)].filter((part) => part !== null));
  const show = (shown: Value): void =>
    fields.forEach((field, index) => void (field.value = written((shown as number[])[index]!, property, index)));
  return { control, show };
}

/** A number as its field shows it: empty for a default that stands for no value, so that the placeholder is visible. */
function written(value: number, property: Property, index = 0): string {
  const unset = Array.isArray(property.default) ? property.default[index] : property.default;
  return property["x-placeholder"] && value === unset ? "" : String(value);
}

/** The unit behind a field, if there is one. */
const unit = (property: Property): HTMLElement | null =>
  property["x-unit"] ? element("span", { class: "unit" }, property["x-unit"]) : null;
