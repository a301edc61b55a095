/** One picture, or two on top of each other with a line between them that moves. */

import { type StoredFile, shown } from "./api";
import { element } from "./element";

/** Pixels of a picture a side; the service gives no more. */
const SIDE = 4096;
/** Side of a map's small picture. */
export const THUMBNAIL = 256;
const ZOOM = { least: 0.05, most: 32, key: 1.25 };
/** Parts of the width by which keys move the line, and parts of the view by which they move the picture. */
const STEP = { line: 0.01, far: 0.1, view: 0.1 };

export class Pane {
  readonly element: HTMLElement;
  private readonly before = element("img", { class: "picture", alt: "Before", draggable: "false" });
  private readonly after = element("img", { class: "picture", alt: "After", draggable: "false" });
  private readonly under = element("div", { class: "layer" }, this.after);
  private readonly over = element("div", { class: "layer" }, this.before);
  private readonly line: HTMLElement;
  private readonly tags = [
    element("span", { class: "tag left", "aria-hidden": "true" }, "Before"),
    element("span", { class: "tag right", "aria-hidden": "true" }, "After"),
  ];
  private readonly sizes: ResizeObserver;
  private size = { width: 1, height: 1 };
  /** Screen pixels for one of the picture's, null to fit. */
  private scale: number | null = null;
  private middle = { x: 0.5, y: 0.5 };
  private part = 0.5;

  constructor(private readonly told: { zoomed: (percent: number) => void; failed: (sentence: string) => void }) {
    this.line = element(
      "div",
      {
        class: "line",
        role: "slider",
        tabindex: 0,
        "aria-label": "Line between before and after",
        "aria-orientation": "horizontal",
        "aria-valuemin": 0,
        "aria-valuemax": 100,
        onkeydown: (event) => this.lineKey(event),
        onpointerdown: (event) => this.linePointer(event),
      },
      element("span", {}),
    );
    this.element = element(
      "div",
      {
        class: "pane",
        tabindex: 0,
        role: "group",
        "aria-label": "Picture; arrow keys move it, plus and minus zoom, 0 fits it",
        onkeydown: (event) => this.key(event),
        onpointerdown: (event) => this.grabbed(event),
        ondblclick: () => this.zoom(null),
      },
      this.under,
      this.over,
      ...this.tags,
      this.line,
    );
    this.element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    for (const image of [this.before, this.after]) {
      image.addEventListener("error", () => this.told.failed("The picture cannot be loaded."));
      image.addEventListener("load", () => (image.style.backgroundImage = ""));
    }
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(this.element);
  }

  show(after: StoredFile, before: StoredFile | null): void {
    const { width, height } = after;
    if (width !== this.size.width || height !== this.size.height) {
      this.scale = null;
      this.middle = { x: 0.5, y: 0.5 };
    }
    this.size = { width: Math.max(1, width), height: Math.max(1, height) };
    load(this.after, after);
    this.after.alt = before ? `After: ${after.name}` : after.name;
    for (const part of [this.over, this.line, ...this.tags]) part.hidden = before === null;
    if (before) {
      load(this.before, before);
      this.before.alt = `Before: ${before.name}`;
    }
    this.draw();
  }

  /** Whether enlarged pixels are shown as squares. */
  set squares(wanted: boolean) {
    this.element.classList.toggle("squares", wanted);
  }

  /** Screen pixels for one of the picture's; null fits it. */
  zoom(scale: number | null): void {
    this.scale = scale && Math.min(Math.max(scale, ZOOM.least), ZOOM.most);
    if (scale === null) this.middle = { x: 0.5, y: 0.5 };
    this.draw();
  }

  zoomBy(factor: number): void {
    this.zoom(this.now * factor);
  }

  /** One pixel of the picture on one of the screen. */
  actual(): void {
    this.zoom(1 / window.devicePixelRatio);
  }

  dispose(): void {
    this.sizes.disconnect();
  }

  private get now(): number {
    const { clientWidth: width, clientHeight: height } = this.element;
    return this.scale ?? Math.min(width / this.size.width, height / this.size.height, ZOOM.most);
  }

  private draw(): void {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (width === 0) return;
    const scale = this.now;
    const [wide, high] = [this.size.width * scale, this.size.height * scale];
    // What is smaller than the view stays in its middle; what is larger covers it.
    const reach = { x: Math.max(0, 0.5 - width / wide / 2), y: Math.max(0, 0.5 - height / high / 2) };
    this.middle.x = Math.min(Math.max(this.middle.x, 0.5 - reach.x), 0.5 + reach.x);
    this.middle.y = Math.min(Math.max(this.middle.y, 0.5 - reach.y), 0.5 + reach.y);
    const left = width / 2 - this.middle.x * wide;
    const top = height / 2 - this.middle.y * high;
    for (const image of [this.before, this.after]) {
      Object.assign(image.style, { width: `${wide}px`, height: `${high}px`, left: `${left}px`, top: `${top}px` });
    }
    // The line runs over what is seen of the picture.
    const [from, to] = [Math.max(0, left), Math.min(width, left + wide)];
    const place = from + this.part * (to - from);
    this.over.style.clipPath = `inset(0 ${width - place}px 0 0)`;
    this.line.style.left = `${place}px`;
    this.line.setAttribute("aria-valuenow", String(Math.round(100 * this.part)));
    this.line.setAttribute("aria-valuetext", `${Math.round(100 * this.part)} % before`);
    this.told.zoomed(Math.round(100 * scale * window.devicePixelRatio));
  }

  private cut(part: number): void {
    this.part = Math.min(Math.max(part, 0), 1);
    this.draw();
  }

  private lineKey(event: KeyboardEvent): void {
    const step = event.shiftKey ? STEP.far : STEP.line;
    const to: Record<string, number> = {
      ArrowLeft: this.part - step,
      ArrowDown: this.part - step,
      ArrowRight: this.part + step,
      ArrowUp: this.part + step,
      PageDown: this.part - STEP.far,
      PageUp: this.part + STEP.far,
      Home: 0,
      End: 1,
    };
    const part = to[event.key];
    event.stopPropagation();
    if (part === undefined) return;
    event.preventDefault();
    this.cut(part);
  }

  private linePointer(event: PointerEvent): void {
    event.stopPropagation();
    const move = (moved: PointerEvent): void => {
      const box = this.element.getBoundingClientRect();
      const wide = Math.min(this.size.width * this.now, box.width);
      this.cut((moved.clientX - box.left - (box.width - wide) / 2) / wide);
    };
    follow(this.line, event, move);
  }

  private grabbed(event: PointerEvent): void {
    if (event.button !== 0) return;
    let [x, y] = [event.clientX, event.clientY];
    follow(this.element, event, (moved) => {
      this.pan((x - moved.clientX) / this.now, (y - moved.clientY) / this.now);
      [x, y] = [moved.clientX, moved.clientY];
    });
  }

  private pan(x: number, y: number): void {
    this.middle.x += x / this.size.width;
    this.middle.y += y / this.size.height;
    this.draw();
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    const before = this.now;
    const box = this.element.getBoundingClientRect();
    const from = { x: event.clientX - box.left - box.width / 2, y: event.clientY - box.top - box.height / 2 };
    this.zoomBy(Math.exp(-event.deltaY * (event.deltaMode === 0 ? 0.0015 : 0.05)));
    // What lies below the pointer stays there.
    this.pan(from.x / before - from.x / this.now, from.y / before - from.y / this.now);
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { clientWidth: width, clientHeight: height } = this.element;
    const [x, y] = [(STEP.view * width) / this.now, (STEP.view * height) / this.now];
    const actions: Record<string, () => void> = {
      ArrowLeft: () => this.pan(-x, 0),
      ArrowRight: () => this.pan(x, 0),
      ArrowUp: () => this.pan(0, -y),
      ArrowDown: () => this.pan(0, y),
      "+": () => this.zoomBy(ZOOM.key),
      "=": () => this.zoomBy(ZOOM.key),
      "-": () => this.zoomBy(1 / ZOOM.key),
      "0": () => this.zoom(null),
      "1": () => this.actual(),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }
}

/** Load a picture; until it is there, a small one that is there already stands for it. */
function load(image: HTMLImageElement, file: StoredFile): void {
  const address = shown(file, SIDE);
  if (image.src === address) return;
  image.style.backgroundImage = `url("${shown(file, THUMBNAIL)}")`;
  image.src = address;
}

/** Follow a pointer from where it went down until it is let go. */
function follow(target: HTMLElement, down: PointerEvent, move: (event: PointerEvent) => void): void {
  target.setPointerCapture(down.pointerId);
  const end = new AbortController();
  target.addEventListener("pointermove", move, { signal: end.signal });
  for (const ending of ["pointerup", "pointercancel"] as const) {
    target.addEventListener(ending, () => end.abort(), { signal: end.signal });
  }
}
