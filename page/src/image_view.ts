/** An image, or two with a movable divider between before and after. */

import { type StoredFile, shown } from "./api";
import { element } from "./element";

/** Longest side of an image in pixels, the limit of the service. */
const SIDE = 4096;
/** Longest side of a map's thumbnail. */
export const THUMBNAIL = 256;
const ZOOM = { least: 0.05, most: 32, key: 1.25 };
/** Steps of keys: fractions of the width for the divider, of the view for the image. */
const STEP = { divider: 0.01, far: 0.1, view: 0.1 };

export class ImageView {
  readonly element: HTMLElement;
  private readonly before = element("img", { class: "picture", alt: "Before", draggable: "false" });
  private readonly after = element("img", { class: "picture", alt: "After", draggable: "false" });
  private readonly under = element("div", { class: "layer" }, this.after);
  private readonly over = element("div", { class: "layer" }, this.before);
  private readonly divider: HTMLElement;
  private readonly tags = [
    element("span", { class: "tag left", "aria-hidden": "true" }, "Before"),
    element("span", { class: "tag right", "aria-hidden": "true" }, "After"),
  ];
  private readonly sizes: ResizeObserver;
  private size = { width: 1, height: 1 };
  /** Screen pixels per image pixel, null to fit. */
  private scale: number | null = null;
  private middle = { x: 0.5, y: 0.5 };
  private part = 0.5;

  constructor(private readonly callbacks: { zoomed: (percent: number) => void; failed: (sentence: string) => void }) {
    this.divider = element(
      "div",
      {
        class: "line",
        role: "slider",
        tabindex: 0,
        "aria-label": "Divider between before and after",
        "aria-orientation": "horizontal",
        "aria-valuemin": 0,
        "aria-valuemax": 100,
        onkeydown: (event) => this.dividerKey(event),
        onpointerdown: (event) => this.dividerPointer(event),
      },
      element("span", {}),
    );
    this.element = element(
      "div",
      {
        class: "image-view",
        tabindex: 0,
        role: "group",
        "aria-label": "Image. Arrow keys move it, plus and minus zoom, 0 fits it to the view.",
        onkeydown: (event) => this.key(event),
        onpointerdown: (event) => this.startPan(event),
        ondblclick: () => this.zoom(null),
      },
      this.under,
      this.over,
      ...this.tags,
      this.divider,
    );
    this.element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    for (const image of [this.before, this.after]) {
      image.addEventListener("error", () => this.callbacks.failed("Cannot load the image."));
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
    for (const part of [this.over, this.divider, ...this.tags]) part.hidden = before === null;
    if (before) {
      load(this.before, before);
      this.before.alt = `Before: ${before.name}`;
    }
    this.draw();
  }

  /** Whether enlarged pixels are shown as squares. */
  set squares(shown: boolean) {
    this.element.classList.toggle("squares", shown);
  }

  /** Set screen pixels per image pixel; null fits the image to the view. */
  zoom(scale: number | null): void {
    this.scale = scale && Math.min(Math.max(scale, ZOOM.least), ZOOM.most);
    if (scale === null) this.middle = { x: 0.5, y: 0.5 };
    this.draw();
  }

  zoomBy(factor: number): void {
    this.zoom(this.now * factor);
  }

  /** Show one image pixel per screen pixel. */
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
    // A small image stays in the middle of the view; a large one covers it.
    const reach = { x: Math.max(0, 0.5 - width / wide / 2), y: Math.max(0, 0.5 - height / high / 2) };
    this.middle.x = Math.min(Math.max(this.middle.x, 0.5 - reach.x), 0.5 + reach.x);
    this.middle.y = Math.min(Math.max(this.middle.y, 0.5 - reach.y), 0.5 + reach.y);
    const left = width / 2 - this.middle.x * wide;
    const top = height / 2 - this.middle.y * high;
    for (const image of [this.before, this.after]) {
      Object.assign(image.style, { width: `${wide}px`, height: `${high}px`, left: `${left}px`, top: `${top}px` });
    }
    // The divider stays within the visible part of the image.
    const [from, to] = [Math.max(0, left), Math.min(width, left + wide)];
    const place = from + this.part * (to - from);
    this.over.style.clipPath = `inset(0 ${width - place}px 0 0)`;
    this.divider.style.left = `${place}px`;
    this.divider.setAttribute("aria-valuenow", String(Math.round(100 * this.part)));
    this.divider.setAttribute("aria-valuetext", `${Math.round(100 * this.part)}% before`);
    this.callbacks.zoomed(Math.round(100 * scale * window.devicePixelRatio));
  }

  private cut(part: number): void {
    this.part = Math.min(Math.max(part, 0), 1);
    this.draw();
  }

  private dividerKey(event: KeyboardEvent): void {
    const step = event.shiftKey ? STEP.far : STEP.divider;
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

  private dividerPointer(event: PointerEvent): void {
    event.stopPropagation();
    const move = (moved: PointerEvent): void => {
      const box = this.element.getBoundingClientRect();
      const wide = Math.min(this.size.width * this.now, box.width);
      this.cut((moved.clientX - box.left - (box.width - wide) / 2) / wide);
    };
    follow(this.divider, event, move);
  }

  private startPan(event: PointerEvent): void {
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
    // Zoom around the pointer.
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

/** Load an image, with its thumbnail until then. */
function load(image: HTMLImageElement, file: StoredFile): void {
  const address = shown(file, SIDE);
  if (image.src === address) return;
  image.style.backgroundImage = `url("${shown(file, THUMBNAIL)}")`;
  image.src = address;
}

/** Follow a pointer until it is released. */
function follow(target: HTMLElement, down: PointerEvent, move: (event: PointerEvent) => void): void {
  target.setPointerCapture(down.pointerId);
  const end = new AbortController();
  target.addEventListener("pointermove", move, { signal: end.signal });
  for (const ending of ["pointerup", "pointercancel"] as const) {
    target.addEventListener(ending, () => end.abort(), { signal: end.signal });
  }
}
