/** The dialog in which a mask is painted over the input. */

import { choices, element } from "./element";

/** Longest side of a mask in pixels; tools enlarge it to the input. */
const SIDE = 4096;
/** Bytes of changes that can be undone. */
const HISTORY = 256 * 2 ** 20;
/** Sizes of the brush as fractions of the picture's longer side: the smallest, the largest, the first. */
const BRUSH = { least: 0.002, most: 0.5, first: 0.06 };
/** How far the keys move the brush, as a fraction of its size, and change its size. */
const KEYS = { move: 0.25, far: 2, size: 1.2 };
/** Distance of the dabs of a stroke, as a fraction of the brush's radius. */
const SPACING = { soft: 0.1, hard: 0.2 };
const ZOOM = { most: 16, step: 1.5 };
/** Stops of a soft edge: the fraction of the radius, and how much is left there. */
const SOFT = [0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1].map((at) => [at, (1 + Math.cos(Math.PI * at)) / 2] as const);
const TINT = "mask-tint";
/** White as magenta, which hardly any surface has, and black as nothing. */
const COLOR = "0 0 0 0 1  0 0 0 0 0  0 0 0 0 0.85  0.65 0 0 0 0";

type Mode = "paint" | "erase";
type Edge = "soft" | "hard";
interface Point {
  x: number;
  y: number;
}
interface Change {
  x: number;
  y: number;
  pixels: ImageData;
}

/** What is painted on. */
export interface Ground {
  /** Address of a picture of the input. */
  picture: string;
  width: number;
  height: number;
  /** Address of the mask to go on with; empty for a black one. */
  mask: string;
}

/**
 * Have a mask painted.
 *
 * @returns the mask as a PNG of grays, null if it was cancelled.
 */
export async function paintMask(title: string, help: string, ground: Ground): Promise<Blob | null> {
  const [picture, mask] = await Promise.all([loaded(ground.picture), ground.mask ? loaded(ground.mask) : null]);
  return new Promise((resolve) => new MaskPainter(title, help, ground, picture, mask, resolve));
}

class MaskPainter {
  private readonly dialog: HTMLDialogElement;
  private readonly mask: HTMLCanvasElement;
  private readonly drawing: CanvasRenderingContext2D;
  /** The mask before the stroke that is being painted. */
  private readonly before: CanvasRenderingContext2D;
  private readonly sheet: HTMLElement;
  private readonly view: HTMLElement;
  private readonly ring = element("div", { class: "ring", hidden: true });
  private readonly status = element("p", { class: "help", role: "status" });
  private readonly size: HTMLInputElement;
  private readonly undoButton: HTMLButtonElement;
  private readonly redoButton: HTMLButtonElement;
  private readonly sizes: ResizeObserver;
  private done: Change[] = [];
  private undone: Change[] = [];
  private mode: Mode = "paint";
  private edge: Edge = "soft";
  /** Where the brush is, in pixels of the mask. */
  private at: Point;
  private stroke: { last: Point; box: [number, number, number, number] } | null = null;
  private zoomed = 1;
  private changed = false;
  private warned = false;

  constructor(
    title: string,
    help: string,
    ground: Ground,
    picture: HTMLImageElement,
    known: HTMLImageElement | null,
    private readonly finish: (mask: Blob | null) => void,
  ) {
    const scale = Math.min(1, SIDE / Math.max(ground.width, ground.height));
    const [width, height] = [Math.max(1, Math.round(ground.width * scale)), Math.max(1, Math.round(ground.height * scale))];
    this.mask = element("canvas", {
      class: "mask",
      width,
      height,
      tabindex: 0,
      role: "application",
      "aria-label": `${title}: the input. Arrow keys move the brush, Space paints, left and right bracket change its size, X switches between paint and erase.`,
    });
    // Opaque grays: where dabs overlap, the lightest or the darkest counts, so that soft edges stay soft.
    this.drawing = this.mask.getContext("2d", { alpha: false, willReadFrequently: true })!;
    this.before = element("canvas", { width, height }).getContext("2d", { alpha: false, willReadFrequently: true })!;
    if (known) this.drawing.drawImage(known, 0, 0, width, height);
    this.at = { x: width / 2, y: height / 2 };
    picture.className = "ground";
    picture.alt = "";
    picture.draggable = false;
    this.sheet = element("div", { class: "sheet" }, picture, this.mask, this.ring);
    this.view = element("div", { class: "paint-view" }, this.sheet);
    this.size = element("input", {
      type: "range",
      id: "brush-size",
      min: 0,
      max: 1,
      step: "any",
      value: sliderOf(BRUSH.first),
      oninput: () => this.showBrush(),
    });
    const button = (text: string, act: () => void, key = ""): HTMLButtonElement =>
      element("button", { type: "button", onclick: act, title: key && `${text} (${key})` }, text);
    this.undoButton = button("Undo", () => this.step(this.done, this.undone), "Ctrl+Z");
    this.redoButton = button("Redo", () => this.step(this.undone, this.done), "Ctrl+Shift+Z");
    this.dialog = element(
      "dialog",
      { class: "painter", "aria-labelledby": "paint-title", "aria-describedby": "paint-help", onkeydown: (event) => this.key(event) },
      tint(),
      element("header", {}, element("h2", { id: "paint-title" }, title), element("p", { class: "help", id: "paint-help" }, `${help} What you paint is white.`)),
      element(
        "div",
        { class: "paint-tools", role: "toolbar", "aria-label": "Brush" },
        choices("Brush", "brush-mode", [
          { value: "paint", label: "Paint", hint: "Paint white (X)" },
          { value: "erase", label: "Erase", hint: "Paint black (X)" },
        ], this.mode, (mode) => (this.mode = mode)),
        choices("Edge", "brush-edge", [
          { value: "soft", label: "Soft" },
          { value: "hard", label: "Hard" },
        ], this.edge, (edge) => (this.edge = edge)),
        element("label", { class: "brush-size" }, "Size", this.size),
        this.undoButton,
        this.redoButton,
        button("Invert", () => this.invert()),
        button("Clear", () => this.clear()),
        element(
          "span",
          { class: "zoom" },
          element("button", { type: "button", "aria-label": "Zoom Out", title: "Zoom Out (-)", onclick: () => this.zoom(this.zoomed / ZOOM.step) }, "−"),
          button("Fit", () => this.zoom(1), "0"),
          element("button", { type: "button", "aria-label": "Zoom In", title: "Zoom In (+)", onclick: () => this.zoom(this.zoomed * ZOOM.step) }, "+"),
        ),
      ),
      this.view,
      element(
        "footer",
        {},
        this.status,
        element(
          "div",
          { class: "actions" },
          button("Cancel", () => this.close(null)),
          element("button", { type: "button", class: "primary", onclick: () => void this.use() }, "Use Mask"),
        ),
      ),
    );
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      // Escape is pressed easily; a mask takes long to paint.
      if (this.changed && !this.warned) {
        this.warned = true;
        this.status.textContent = "Press Escape again to discard this mask.";
      } else this.close(null);
    });
    this.listen();
    document.body.append(this.dialog);
    this.dialog.showModal();
    this.sizes = new ResizeObserver(() => this.layOut());
    this.sizes.observe(this.view);
    this.layOut();
    this.showHistory();
    this.mask.focus();
  }

  private listen(): void {
    const { mask } = this;
    mask.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !event.isPrimary) return;
      event.preventDefault();
      mask.focus();
      mask.setPointerCapture(event.pointerId);
      this.moveTo(this.placeOf(event));
      this.begin();
    });
    mask.addEventListener("pointermove", (event) => {
      if (!event.isPrimary) return;
      for (const one of event.getCoalescedEvents?.() ?? []) this.moveTo(this.placeOf(one));
      this.moveTo(this.placeOf(event));
    });
    for (const ending of ["pointerup", "pointercancel"] as const) mask.addEventListener(ending, () => this.end());
    mask.addEventListener("pointerleave", () => (this.ring.hidden = this.stroke === null));
    mask.addEventListener("keyup", (event) => event.key === " " && this.end());
    mask.addEventListener("blur", () => this.end());
    this.view.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        this.zoom(this.zoomed * Math.exp(-event.deltaY * (event.deltaMode === 0 ? 0.005 : 0.1)), event);
      },
      { passive: false },
    );
  }

  /** Radius of the brush in pixels of the mask. */
  private get radius(): number {
    const fraction = BRUSH.least * (BRUSH.most / BRUSH.least) ** this.size.valueAsNumber;
    return Math.max(0.5, (fraction * Math.max(this.mask.width, this.mask.height)) / 2);
  }

  private placeOf(event: PointerEvent): Point {
    const box = this.mask.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * this.mask.width,
      y: ((event.clientY - box.top) / box.height) * this.mask.height,
    };
  }

  private moveTo(place: Point): void {
    this.at = place;
    this.showBrush();
    if (this.stroke) this.paint(place);
  }

  private begin(): void {
    if (this.stroke) return;
    this.before.drawImage(this.mask, 0, 0);
    this.stroke = { last: this.at, box: [Infinity, Infinity, -Infinity, -Infinity] };
    this.dab(this.at);
  }

  /** Paint from where the stroke is to a place. */
  private paint(to: Point): void {
    const stroke = this.stroke!;
    const distance = Math.hypot(to.x - stroke.last.x, to.y - stroke.last.y);
    const step = Math.max(0.5, this.radius * SPACING[this.edge]);
    const from = stroke.last;
    for (let along = step; along <= distance; along += step) {
      stroke.last = { x: from.x + ((to.x - from.x) * along) / distance, y: from.y + ((to.y - from.y) * along) / distance };
      this.dab(stroke.last);
    }
  }

  private dab({ x, y }: Point): void {
    const { radius, drawing } = this;
    const hard = this.edge === "hard";
    const reach = hard ? radius + 0.5 : radius;
    const erase = this.mode === "erase";
    const gray = (value: number): string => {
      const level = Math.round(255 * (erase ? 1 - value : value));
      return `rgb(${level}, ${level}, ${level})`;
    };
    const fill = drawing.createRadialGradient(x, y, 0, x, y, reach);
    const stops = hard ? [[0, 1] as const, [Math.max(0, (radius - 0.5) / reach), 1] as const, [1, 0] as const] : SOFT;
    for (const [at, value] of stops) fill.addColorStop(at, gray(value));
    drawing.globalCompositeOperation = erase ? "darken" : "lighten";
    drawing.fillStyle = fill;
    drawing.fillRect(x - reach, y - reach, 2 * reach, 2 * reach);
    drawing.globalCompositeOperation = "source-over";
    const { box } = this.stroke!;
    this.stroke!.box = [Math.min(box[0], x - reach), Math.min(box[1], y - reach), Math.max(box[2], x + reach), Math.max(box[3], y + reach)];
  }

  private end(): void {
    const { stroke } = this;
    this.stroke = null;
    if (!stroke) return;
    const [left, top] = [Math.max(0, Math.floor(stroke.box[0])), Math.max(0, Math.floor(stroke.box[1]))];
    const [right, bottom] = [Math.min(this.mask.width, Math.ceil(stroke.box[2])), Math.min(this.mask.height, Math.ceil(stroke.box[3]))];
    if (right > left && bottom > top) {
      this.remember({ x: left, y: top, pixels: this.before.getImageData(left, top, right - left, bottom - top) });
    }
  }

  /** Change the whole mask. */
  private wholly(change: () => void): void {
    this.end();
    const { width, height } = this.mask;
    const pixels = this.drawing.getImageData(0, 0, width, height);
    change();
    this.remember({ x: 0, y: 0, pixels });
  }

  private invert(): void {
    this.wholly(() => {
      this.drawing.globalCompositeOperation = "difference";
      this.drawing.fillStyle = "#fff";
      this.drawing.fillRect(0, 0, this.mask.width, this.mask.height);
      this.drawing.globalCompositeOperation = "source-over";
    });
  }

  private clear(): void {
    this.wholly(() => {
      this.drawing.fillStyle = "#000";
      this.drawing.fillRect(0, 0, this.mask.width, this.mask.height);
    });
  }

  private remember(before: Change): void {
    this.done.push(before);
    this.undone = [];
    let bytes = this.done.reduce((sum, { pixels }) => sum + pixels.data.length, 0);
    while (bytes > HISTORY && this.done.length > 1) bytes -= this.done.shift()!.pixels.data.length;
    this.changed = true;
    this.warned = false;
    this.status.textContent = "";
    this.showHistory();
  }

  /** Take the last change of one list back, and put it on the other. */
  private step(from: Change[], to: Change[]): void {
    this.end();
    const change = from.pop();
    if (!change) return;
    const { x, y, pixels } = change;
    to.push({ x, y, pixels: this.drawing.getImageData(x, y, pixels.width, pixels.height) });
    this.drawing.putImageData(pixels, x, y);
    this.changed = true;
    this.showHistory();
  }

  private showHistory(): void {
    const focused = document.activeElement;
    this.undoButton.disabled = this.done.length === 0;
    this.redoButton.disabled = this.undone.length === 0;
    // The focus does not get lost with a button that has nothing left to do.
    if (focused instanceof HTMLButtonElement && focused.disabled) this.mask.focus();
  }

  private key(event: KeyboardEvent): void {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
      event.preventDefault();
      if (event.shiftKey) this.step(this.undone, this.done);
      else this.step(this.done, this.undone);
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = 2 * this.radius * KEYS.move * (event.shiftKey ? KEYS.far : 1);
    const move = (x: number, y: number): void => this.moveTo({ x: bounded(this.at.x + x, this.mask.width), y: bounded(this.at.y + y, this.mask.height) });
    const anywhere: Record<string, () => void> = {
      "[": () => this.resize(1 / KEYS.size),
      "]": () => this.resize(KEYS.size),
      x: () => this.switchMode(),
      X: () => this.switchMode(),
      "+": () => this.zoom(this.zoomed * ZOOM.step),
      "=": () => this.zoom(this.zoomed * ZOOM.step),
      "-": () => this.zoom(this.zoomed / ZOOM.step),
      "0": () => this.zoom(1),
    };
    const onMask: Record<string, () => void> = {
      ArrowLeft: () => move(-step, 0),
      ArrowRight: () => move(step, 0),
      ArrowUp: () => move(0, -step),
      ArrowDown: () => move(0, step),
      " ": () => this.begin(),
    };
    const action = anywhere[event.key] ?? (event.target === this.mask ? onMask[event.key] : undefined);
    if (!action) return;
    event.preventDefault();
    action();
  }

  private resize(factor: number): void {
    const now = BRUSH.least * (BRUSH.most / BRUSH.least) ** this.size.valueAsNumber;
    this.size.value = String(sliderOf(Math.min(Math.max(now * factor, BRUSH.least), BRUSH.most)));
    this.showBrush();
  }

  private switchMode(): void {
    this.mode = this.mode === "paint" ? "erase" : "paint";
    for (const radio of this.dialog.querySelectorAll<HTMLInputElement>("input[name=brush-mode]")) radio.checked = radio.value === this.mode;
  }

  /** Zoom; 1 fits the picture to the view. The place under a pointer stays, else the middle. */
  private zoom(factor: number, around?: MouseEvent): void {
    const box = this.view.getBoundingClientRect();
    const [x, y] = around ? [around.clientX - box.left, around.clientY - box.top] : [box.width / 2, box.height / 2];
    const sheet = this.sheet.getBoundingClientRect();
    const [part, high] = [(box.left + x - sheet.left) / sheet.width, (box.top + y - sheet.top) / sheet.height];
    this.zoomed = Math.min(Math.max(factor, 1), ZOOM.most);
    this.layOut();
    const now = this.sheet.getBoundingClientRect();
    this.view.scrollBy(now.left + part * now.width - box.left - x, now.top + high * now.height - box.top - y);
  }

  private layOut(): void {
    const { clientWidth, clientHeight } = this.view;
    const { width, height } = this.mask;
    const scale = Math.min(clientWidth / width, clientHeight / height) * this.zoomed;
    Object.assign(this.sheet.style, { width: `${Math.floor(width * scale)}px`, height: `${Math.floor(height * scale)}px` });
    this.showBrush();
  }

  private showBrush(): void {
    const scale = this.mask.clientWidth / this.mask.width;
    const across = 2 * this.radius * scale;
    this.ring.hidden = false;
    Object.assign(this.ring.style, {
      width: `${across}px`,
      height: `${across}px`,
      left: `${this.at.x * scale - across / 2}px`,
      top: `${this.at.y * scale - across / 2}px`,
    });
  }

  private async use(): Promise<void> {
    this.end();
    const { width, height } = this.mask;
    const { data } = this.drawing.getImageData(0, 0, width, height);
    let painted = false;
    for (let index = 0; index < data.length && !painted; index += 4) painted = data[index]! > 0;
    if (!painted) {
      this.status.textContent = "The mask is empty. Paint a part of the picture, or cancel.";
      return;
    }
    const png = await new Promise<Blob | null>((resolve) => this.mask.toBlob(resolve, "image/png"));
    if (png) this.close(png);
    else this.status.textContent = "This browser could not store the mask.";
  }

  private close(mask: Blob | null): void {
    this.sizes.disconnect();
    this.dialog.close();
    this.dialog.remove();
    this.finish(mask);
  }
}

const sliderOf = (fraction: number): number => Math.log(fraction / BRUSH.least) / Math.log(BRUSH.most / BRUSH.least);

const bounded = (value: number, most: number): number => Math.min(Math.max(value, 0), most);

const loaded = async (address: string): Promise<HTMLImageElement> => {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
};

/** The filter that shows the mask's white as a color over the picture. */
function tint(): SVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("class", "hidden");
  svg.setAttribute("aria-hidden", "true");
  const filter = document.createElementNS(space, "filter");
  filter.id = TINT;
  filter.setAttribute("color-interpolation-filters", "sRGB");
  const matrix = document.createElementNS(space, "feColorMatrix");
  matrix.setAttribute("values", COLOR);
  filter.append(matrix);
  svg.append(filter);
  return svg;
}
