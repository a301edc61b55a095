/** The results of a job: a lit material or images, map by map, with downloads. */

import { type Asset, type Job, type Parameters, type Result, type StoredFile, type Tool, address, asset, description, shown } from "./api";
import { choices, element, fill, size } from "./element";
import { Form } from "./form";
import { inOrder, mapName, resultName, wrapName } from "./labels";
import { ImageView, THUMBNAIL } from "./image_view";
import type { Shape, Sliders, Viewer } from "./viewer";

type View = Shape | "picture";

/** Tools whose result is aligned with its input, apart from its size. */
const COMPARED = ["upscale", "adjust", "tile", "style", "convert"];
const MAX_REPEATS = 8;
/** The tools' sliders, and what they are before they are moved. */
const SLIDERS: Sliders = { roughness: 0, normal: 1, height: 1, metal: "auto" };
/** Tools whose parameters have these sliders. */
const CAPTURED = ["oneshot", "twoshot", "adjust"];
/** The same where the description does not say it. */
const USUAL_RELIEF = 0.03;
/** Largest height range, as a fraction of the map's width. */
const MAX_RELIEF = 0.2;

export class ResultView {
  readonly element = element("div", { class: "result" });
  private readonly stage = element("div", { class: "stage" });
  private readonly bar = element("div", { class: "bar" });
  private readonly maps = element("div", { class: "maps" });
  private readonly notes = element("div", { class: "notes" });
  private readonly sliders = element("div", {});
  private readonly imageView: ImageView;
  private readonly zoomed = element("output", { class: "help", "aria-label": "Zoom" });
  private hasBefore = false;
  private readonly befores = new Map<string, Promise<Asset>>();
  private viewer: Viewer | null = null;
  private view: View = "sphere";
  /** Whether the artist chose the view. */
  private chosen = false;
  private result!: Result;
  private file!: StoredFile;
  private relief = 0;
  private repeats = 1;
  /** Whether the input is shown instead of the result. */
  private isBefore = false;

  constructor(
    private readonly job: Job,
    private readonly callbacks: {
      failed: (sentence: string) => void;
      adjust: (job: Job, result: Result, parameters: Parameters) => void;
    },
    private readonly adjust: Tool | null,
  ) {
    this.imageView = new ImageView({ zoomed: (percent) => void (this.zoomed.value = `${percent}%`), failed: callbacks.failed });
    const picker = job.results.length > 1 && this.picker();
    fill(this.element, this.stage, this.bar, picker, this.sliders, this.maps, this.notes);
    this.choose(job.results[0]!);
  }

  dispose(): void {
    this.imageView.dispose();
    this.viewer?.dispose();
  }

  private picker(): HTMLElement {
    return element(
      "fieldset",
      { class: "picker" },
      element("legend", { class: "hidden" }, "Result"),
      ...this.job.results.map((result, index) =>
        element(
          "label",
          { title: result.name },
          element("input", { type: "radio", name: "result", checked: index === 0, onchange: () => this.choose(result) }),
          result.preview ? element("img", { src: address(result.preview), alt: "" }) : element("span", { class: "thumb" }),
          element("span", { class: "name" }, resultName(result, this.job.tool)),
        ),
      ),
    );
  }

  private choose(result: Result): void {
    this.result = result;
    const pictures = this.pictures;
    this.file = pictures.find((file) => file.map === "basecolor") ?? pictures[0] ?? result.files[0]!;
    this.repeats = 1;
    this.relief = 0;
    this.isBefore = false;
    // A sphere would show the seams of what does not tile.
    const solid = result.wrap === "none" ? "plane" : "sphere";
    this.view = result.kind === "image" ? "picture" : this.view === "picture" || !this.chosen ? solid : this.view;
    fill(this.maps, ...this.thumbnails());
    fill(this.notes, ...this.sentences());
    fill(this.sliders, ...this.adjusting());
    void this.draw();
  }

  /** The maps of a material, or the image. */
  private get pictures(): StoredFile[] {
    const { kind, files } = this.result;
    return kind === "image" ? files.slice(0, 1) : inOrder(files.filter((file) => file.map !== ""));
  }

  /** Whether the result can be shown on a surface; a preview sheet cannot. */
  private get isTexture(): boolean {
    return this.job.tool !== "preview";
  }

  private async draw(): Promise<void> {
    if (this.view !== "picture") {
      try {
        await this.solid(this.view);
      } catch (error) {
        this.view = "picture";
        this.callbacks.failed(error instanceof Error && error.message.includes("WebGL")
          ? "3D view is unavailable because WebGL is disabled in this browser. Showing the maps instead."
          : "Cannot show the material in 3D. Showing its maps instead.");
      }
    }
    if (this.view === "picture") await this.flat();
    this.drawBar();
  }

  private async solid(shape: Shape): Promise<void> {
    const { result } = this;
    if (!this.viewer) {
      const { Viewer } = await import("./viewer");
      this.viewer = new Viewer({ failed: this.callbacks.failed });
      this.viewer.canvas.setAttribute("role", "application");
      this.viewer.canvas.setAttribute("aria-roledescription", "3D view");
    }
    const { viewer } = this;
    this.drawBar();
    viewer.canvas.setAttribute(
      "aria-label",
      `${result.name} on a ${shape}. Arrow keys turn it, Shift and arrow keys move the light, plus and minus zoom, Home resets.`,
    );
    viewer.kind = shape;
    fill(this.stage, viewer.canvas, this.facts());
    const wanted = `${result.number}${this.isBefore ? " before" : ""}`;
    if (this.stage.dataset.shown !== wanted) {
      const isOther = !this.stage.dataset.shown?.startsWith(String(result.number));
      this.stage.dataset.shown = "";
      this.stage.setAttribute("aria-busy", "true");
      const before = await this.materialBefore();
      const files = this.isBefore && before ? before : this.pictures;
      const [known] = await Promise.all([relief(result), viewer.show(files, result.width / result.height)]);
      if (isOther) this.relief = known ?? (viewer.hasHeight ? USUAL_RELIEF : 0);
      if (result !== this.result) return;
      this.hasBefore = before !== null;
      this.stage.dataset.shown = wanted;
      this.stage.removeAttribute("aria-busy");
    }
    viewer.repeat = this.repeats;
    viewer.relief = this.relief;
  }

  /** The maps of the input, where the result is aligned with it. */
  private async materialBefore(): Promise<StoredFile[] | null> {
    const { input, kind } = this.result;
    const given = input === null ? undefined : this.job.inputs[input];
    if (!given?.asset || !COMPARED.includes(this.job.tool)) return null;
    try {
      const { files } = await this.inputOf(given.asset);
      const maps = kind === "image" ? files.slice(0, 1) : files.filter((file) => file.map !== "");
      return maps.length > 0 ? maps : null;
    } catch {
      return null;
    }
  }

  private inputOf(id: string): Promise<Asset> {
    const known = this.befores.get(id) ?? asset(id);
    this.befores.set(id, known);
    return known;
  }

  private async flat(): Promise<void> {
    const { file } = this;
    fill(this.stage, this.imageView.element, this.facts());
    const before = await this.before(file);
    if (file === this.file && this.view === "picture") this.imageView.show(file, before);
  }

  /** The input that a file of the result was made from, if it is aligned. */
  private async before(file: StoredFile): Promise<StoredFile | null> {
    const { input, kind } = this.result;
    const given = input === null ? undefined : this.job.inputs[input];
    if (!given?.asset || !COMPARED.includes(this.job.tool)) return null;
    try {
      const { files } = await this.inputOf(given.asset);
      const found = kind === "image" ? files[0] : files.find((one) => one.map === file.map);
      const alike = found && Math.abs(found.width * file.height - found.height * file.width) < 0.02 * found.height * file.width;
      return alike ? found : null;
    } catch {
      // The input expired; the result is shown without a comparison.
      return null;
    }
  }

  private drawBar(): void {
    const { view } = this;
    const views: { value: View; label: string }[] = [
      ...(this.isTexture ? ([{ value: "sphere", label: "Sphere" }, { value: "plane", label: "Plane" }] as const) : []),
      { value: "picture", label: this.result.kind === "image" ? "Image" : "Maps" },
    ];
    const held = this.bar.contains(document.activeElement) && (document.activeElement as HTMLInputElement).name;
    fill(
      this.bar,
      views.length > 1 &&
        choices("View", "view", views, view, (chosen) => {
          this.view = chosen;
          this.chosen = true;
          void this.draw();
        }),
      ...(view === "picture" ? this.flatTools() : this.solidTools()),
    );
    if (held) this.bar.querySelector<HTMLElement>(`[name=${held}]:checked`)?.focus();
  }

  private facts(): HTMLElement {
    const { width, height, wrap } = this.result;
    const facts = `${width} × ${height}${this.isTexture ? `, ${wrapName(wrap)}` : ""}`;
    return element("p", { class: "tag facts", title: resultName(this.result, this.job.tool) }, facts);
  }

  private flatTools(): HTMLElement[] {
    const button = (text: string, hint: string, press: () => void): HTMLElement =>
      element("button", { type: "button", class: "quiet", title: hint, "aria-label": hint, onclick: press }, text);
    const squares = element("input", { type: "checkbox", checked: this.imageView.element.classList.contains("squares") });
    squares.addEventListener("change", () => (this.imageView.squares = squares.checked));
    return [
      element(
        "div",
        { class: "group" },
        button("−", "Zoom out", () => this.imageView.zoomBy(1 / 1.5)),
        this.zoomed,
        button("+", "Zoom in", () => this.imageView.zoomBy(1.5)),
        button("Fit", "Fit to view", () => this.imageView.zoom(null)),
        button("1:1", "1:1, one image pixel per screen pixel", () => this.imageView.actual()),
      ),
      element("label", { class: "check" }, squares, "Show Pixels"),
    ];
  }

  private solidTools(): HTMLElement[] {
    const viewer = this.viewer!;
    const slider = (label: string, value: number, most: number, least: number, step: number, take: (value: number) => void) => {
      const input = element("input", { type: "range", min: least, max: most, step, value });
      input.addEventListener("input", () => take(input.valueAsNumber));
      return element("label", { class: "group" }, label, input);
    };
    return [
      choices(
        "Drag to",
        "grip",
        [
          { value: "turn", label: "Rotate", hint: "Drag to rotate the material" },
          { value: "light", label: "Light", hint: "Drag to move the light; also with Shift or the right mouse button" },
        ],
        viewer.grip,
        (grip) => (viewer.grip = grip),
      ),
      slider("Repeat", this.repeats, MAX_REPEATS, 1, 1, (value) => {
        this.repeats = viewer.repeat = value;
        viewer.relief = this.relief;
      }),
      ...(viewer.hasHeight
        ? [slider("Relief", this.relief, MAX_RELIEF, 0, 0.005, (value) => (this.relief = viewer.relief = value))]
        : []),
      ...(this.hasBefore
        ? [
            choices(
              "Compare",
              "compare",
              [
                { value: "after", label: "After", hint: "Show the result" },
                { value: "before", label: "Before", hint: "Show the input" },
              ],
              this.isBefore ? "before" : "after",
              (which) => {
                this.isBefore = which === "before";
                void this.draw();
              },
            ),
          ]
        : []),
      element("button", { type: "button", class: "quiet", onclick: () => viewer.reset() }, "Reset"),
    ];
  }

  /** Sliders that act on the 3D view at once, and a button that makes a material with them. */
  private adjusting(): HTMLElement[] {
    const { adjust, result, job } = this;
    if (this.viewer) this.viewer.sliders = SLIDERS;
    if (!adjust || result.kind !== "material") return [];
    const known = CAPTURED.includes(job.tool) ? job.parameters : {};
    const names = Object.keys(SLIDERS);
    const initial: Parameters = Object.fromEntries(Object.entries(known).filter(([name]) => names.includes(name)));
    const begun = { ...SLIDERS, ...initial } as Sliders;
    const form: Form = new Form({ ...adjust, name: `${adjust.name}-result` }, initial, () => {
      const now = { ...SLIDERS, ...form.parameters } as Sliders;
      // The maps that are shown have the sliders of before.
      const ratio = (value: number, before: number): number => (before > 0 ? value / before : value);
      if (this.viewer) {
        this.viewer.sliders = {
          roughness: now.roughness - begun.roughness,
          normal: ratio(now.normal, begun.normal),
          height: ratio(now.height, begun.height),
          metal: now.metal,
        };
      }
    });
    const apply = element(
      "button",
      { type: "button", class: "primary", onclick: () => this.callbacks.adjust(job, result, form.parameters) },
      "Adjust",
    );
    const summary = element("summary", {}, "Adjust this material");
    return [element("details", { class: "adjust" }, summary, form.element, element("div", { class: "actions" }, apply))];
  }

  private thumbnails(): HTMLElement[] {
    const pictures = this.pictures;
    const [image] = pictures;
    if (this.result.kind === "image" && image) {
      return [element("p", {}, download(image, `Download ${image.name}`), ` (${size(image.bytes)})`)];
    }
    const others = this.result.files.filter((file) => !pictures.includes(file) && file.name !== "preview.png");
    return [
      ...pictures.map((file) =>
        element(
          "figure",
          {},
          element(
            "button",
            {
              type: "button",
              title: `Show ${mapName(file)}`,
              onclick: () => {
                this.file = file;
                this.view = "picture";
                void this.draw();
              },
            },
            element("img", { src: shown(file, THUMBNAIL), alt: `${mapName(file)} map`, loading: "lazy" }),
          ),
          element("figcaption", {}, element("span", { class: "name" }, mapName(file)), download(file)),
        ),
      ),
      others.length > 0 &&
        element("ul", { class: "files" }, ...others.map((file) => element("li", {}, download(file, file.name)))),
    ].filter((one) => one !== false);
  }

  private sentences(): HTMLElement[] {
    const notes = [...new Set(this.result.notes)].map((note) => ({ note, wrong: false }));
    const failed = this.job.failures.map((note) => ({ note, wrong: true }));
    return [...failed, ...notes].map(({ note, wrong }) => element("p", { class: wrong ? "wrong" : "help" }, note));
  }
}

const download = (file: StoredFile, text = file.name.slice(file.name.lastIndexOf(".") + 1).toUpperCase()): HTMLElement =>
  element(
    "a",
    { href: address(file.href), download: file.name, title: `Download ${file.name}, ${size(file.bytes)}` },
    text,
    !text.includes(file.name) && element("span", { class: "hidden" }, ` ${file.name}, download`),
  );

/** Height range of a material as a fraction of its width, from its description; null if unknown. */
async function relief(result: Result): Promise<number | null> {
  const descriptionFile = result.files.find((file) => file.name === "material.json");
  if (!descriptionFile) return null;
  try {
    const material = (await description(descriptionFile.href)) as {
      height_scale?: number | null;
      physical_size?: [number, number] | null;
    };
    if (!material.height_scale || !material.physical_size) return null;
    return Math.min(Math.max(material.height_scale / material.physical_size[0], 0), MAX_RELIEF);
  } catch {
    return null;
  }
}
