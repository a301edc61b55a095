/** What tools are given: files that are dropped or chosen, uploaded at once, and put where a tool wants them. */

import { type Asset, Refusal, type Tool, type ToolInput, address, asset, upload } from "./api";
import { element, fill, size } from "./element";

/** One image, or one material of several files. */
interface Bundle {
  name: string;
  files: File[];
}

/** What was uploaded, to be found again after a reload. */
export type Kept = { id: string; name: string } | null;

/** Something the artist gave. */
class Given {
  asset: Asset | null = null;
  error = "";
  /** How far the upload is; one element, so that nothing is drawn anew for it. */
  readonly bar: HTMLProgressElement;
  readonly picture: string;
  private readonly abort = new AbortController();
  readonly whole: Promise<void>;

  constructor(
    readonly name: string,
    files: File[],
    changed: () => void,
    known: Asset | null = null,
  ) {
    this.asset = known;
    this.bar = element("progress", { max: 1, value: 0, "aria-label": `Upload of ${name}` });
    const drawable = files.length === 1 && /^image\/(png|jpeg|webp|bmp)$/.test(files[0]!.type);
    this.picture = drawable ? URL.createObjectURL(files[0]!) : "";
    this.whole = known ? Promise.resolve() : this.uploaded(files, changed);
  }

  get shown(): string {
    return this.picture || (this.asset?.preview ? address(this.asset.preview) : "");
  }

  forget(): void {
    this.abort.abort();
    if (this.picture) URL.revokeObjectURL(this.picture);
  }

  private async uploaded(files: File[], changed: () => void): Promise<void> {
    try {
      this.asset = await upload(files, this.name, (fraction) => (this.bar.value = fraction), this.abort.signal);
    } catch (error) {
      if (error instanceof DOMException) return;
      this.error = error instanceof Refusal ? error.sentence : String(error);
    }
    changed();
  }
}

/** Places for a tool's inputs, and the list that fills them. */
export class Inputs {
  readonly element = element("div", { class: "inputs" });
  /** In the order of the tool's places; null where one is empty. */
  private list: (Given | null)[] = [];
  private tool: Tool | null = null;

  constructor(
    private readonly accepts: string[],
    private readonly limit: number,
    /** Told of every change; and that several photographs came together where the tool takes one. */
    private readonly told: { changed: () => void; several: (count: number) => void; refused: (sentence: string) => void },
  ) {}

  use(tool: Tool): void {
    this.tool = tool;
    if (this.several) this.list = this.list.filter((one) => one !== null);
    this.draw();
  }

  /** What a job is given, once all is uploaded. */
  async ready(): Promise<{ asset: string; name: string }[]> {
    const { title, inputs } = this.tool!;
    const given = this.list.slice(0, this.room).filter((one) => one !== null);
    if (given.length < inputs.length) {
      const empty = inputs.find((_, index) => !this.list[index])!;
      throw new Refusal(`${title}: ${needed(empty)}`, 422);
    }
    await Promise.all(given.map((one) => one.whole));
    const failed = given.find((one) => one.asset === null);
    if (failed) throw new Refusal(`${failed.name}: ${failed.error || "was not uploaded."}`, 400);
    return given.map((one) => ({ asset: one.asset!.id, name: one.name }));
  }

  /** Names and ids, to be found again after a reload. */
  get kept(): Kept[] {
    return this.list.map((one) => (one?.asset ? { id: one.asset.id, name: one.name } : null));
  }

  /** Take up what was uploaded before; what has expired meanwhile is left out. */
  async restore(kept: Kept[]): Promise<void> {
    const found = await Promise.allSettled(kept.map((one) => (one ? asset(one.id) : null)));
    this.list.forEach((one) => one?.forget());
    this.list = found.map((answer, index) => {
      const known = answer.status === "fulfilled" ? answer.value : null;
      return known && new Given(kept[index]!.name, [], () => {}, known);
    });
    this.changed();
  }

  /** What is dropped anywhere on the page. */
  async drop(transfer: DataTransfer, slot: number | null = null): Promise<void> {
    this.add(await dropped(transfer, this.accepts), slot);
  }

  private get several(): boolean {
    return Boolean(this.tool?.inputs.some((input) => input.several));
  }

  /** How many the tool takes. */
  private get room(): number {
    return this.several ? Infinity : (this.tool?.inputs.length ?? 0);
  }

  private add(bundles: Bundle[], slot: number | null): void {
    const fitting = bundles.filter(({ name, files }) => {
      const bytes = files.reduce((sum, file) => sum + file.size, 0);
      if (files.length === 1 && !this.accepts.some((suffix) => name.toLowerCase().endsWith(suffix))) {
        this.told.refused(`${name} is not an image or a zip of a material.`);
      } else if (bytes > this.limit) {
        this.told.refused(`${name} has ${size(bytes)}; the service takes ${size(this.limit)}.`);
      } else return true;
      return false;
    });
    if (fitting.length === 0) return;
    if (!this.several && fitting.length > this.tool!.inputs.length) this.told.several(fitting.length);
    const places = this.places(fitting.length, slot);
    places.forEach((place, index) => {
      const { name, files } = fitting[index]!;
      while (this.list.length < place) this.list.push(null);
      this.list[place]?.forget();
      this.list[place] = new Given(name, files, () => this.changed());
    });
    this.changed();
  }

  /** Where so many go: to empty places, or, if they do not fit beside what is there, in its place. */
  private places(count: number, slot: number | null): number[] {
    if (this.several) return Array.from({ length: count }, (_, index) => this.list.length + index);
    const all = Array.from({ length: this.room }, (_, index) => index);
    if (slot !== null) return all.slice(slot, slot + count);
    const empty = all.filter((index) => !this.list[index]);
    return (empty.length >= count ? empty : all).slice(0, count);
  }

  private remove(given: Given): void {
    given.forget();
    // The other one of two photographs stays in its own place.
    this.list = this.several ? this.list.filter((one) => one !== given) : this.list.map((one) => (one === given ? null : one));
    this.changed();
    this.element.querySelector<HTMLElement>("input[type=file]")?.focus();
  }

  private changed(): void {
    this.draw();
    this.told.changed();
  }

  private draw(): void {
    const { tool } = this;
    if (!tool) return;
    const focused = document.activeElement?.id;
    const places = this.several
      ? [...this.list.map((given) => given && this.filled(given)), this.empty(tool.inputs[0]!, null)]
      : tool.inputs.map((input, index) => {
          const given = this.list[index];
          const place = given ? this.filled(given, input) : this.empty(input, index);
          if (tool.inputs.length === 1) return place;
          return element("div", { class: "slot" }, element("span", { class: "label" }, input.title), place);
        });
    const spare = this.list.slice(this.room).filter(Boolean).length;
    fill(
      this.element,
      ...places,
      !this.several &&
        tool.inputs.length === 2 &&
        this.list.slice(0, 2).filter(Boolean).length === 2 &&
        element("button", { type: "button", class: "quiet", onclick: () => this.swap() }, "Swap the two"),
      spare > 0 && element("p", { class: "help" }, `${spare} more file${spare > 1 ? "s are" : " is"} not used by this tool.`),
    );
    if (focused) document.getElementById(focused)?.focus();
  }

  private swap(): void {
    const [first, second, ...others] = this.list;
    this.list = [second!, first!, ...others];
    this.changed();
  }

  private filled(given: Given, input?: ToolInput): HTMLElement {
    const { asset: known } = given;
    const told = given.error
      ? element("span", { class: "wrong", role: "alert" }, given.error)
      : known
        ? element("span", { class: "help" }, about(known))
        : given.bar;
    return element(
      "div",
      { class: "given", title: input?.title },
      given.shown ? element("img", { src: given.shown, alt: "" }) : element("span", { class: "thumb" }),
      element("div", { class: "about" }, element("span", { class: "name" }, given.name), told),
      element(
        "button",
        { type: "button", class: "quiet icon", "aria-label": `Remove ${given.name}`, title: "Remove", onclick: () => this.remove(given) },
        "×",
      ),
    );
  }

  private empty(input: ToolInput, slot: number | null): HTMLElement {
    const id = `file-${slot ?? "more"}`;
    const files = element("input", {
      type: "file",
      id,
      class: "hidden",
      accept: this.accepts.filter((suffix) => input.kind !== "photo" || suffix !== ".zip").join(","),
      multiple: true,
      "aria-describedby": `${id}-help`,
    });
    files.addEventListener("change", () => this.add(single([...files.files!]), slot));
    const place = element(
      "div",
      { class: "drop" },
      files,
      element("label", { for: id }, element("strong", {}, `Choose ${article(input)}`), " or drop it here"),
      element("p", { class: "help", id: `${id}-help` }, input.help),
      input.kind !== "photo" && this.folder(slot),
    );
    place.addEventListener("dragover", (event) => {
      event.preventDefault();
      place.classList.add("over");
    });
    place.addEventListener("dragleave", () => place.classList.remove("over"));
    place.addEventListener("drop", (event) => {
      event.preventDefault();
      event.stopPropagation();
      document.body.classList.remove("dragging");
      if (event.dataTransfer) void this.drop(event.dataTransfer, slot);
    });
    return place;
  }

  private folder(slot: number | null): HTMLElement {
    const id = `folder-${slot ?? "more"}`;
    const files = element("input", { type: "file", id, class: "hidden", webkitdirectory: true });
    files.addEventListener("change", () => this.add(folders([...files.files!], this.accepts), slot));
    return element("div", { class: "folder" }, files, element("label", { for: id }, "Choose a material's folder"));
  }
}

const article = ({ kind, several }: ToolInput): string =>
  several ? "images or a zip" : { photo: "a photograph", material: "a zip", asset: "an image or a zip" }[kind];

const needed = (input: ToolInput): string =>
  ({ photo: "a photograph is missing", material: "a material is missing", asset: "an image or a material is missing" })[input.kind] +
  ` (${input.title.toLowerCase()}).`;

const about = (known: Asset): string =>
  [
    `${known.width} × ${known.height}`,
    known.kind === "material" ? `${known.files.filter((file) => file.map).length} maps` : "",
    size(known.bytes),
  ]
    .filter(Boolean)
    .join(", ");

const single = (files: File[]): Bundle[] => files.map((file) => ({ name: file.name, files: [file] }));

/** A folder's own files as one material; what is no image and no description stays behind. */
function folders(files: File[], accepts: string[]): Bundle[] {
  const found = new Map<string, File[]>();
  for (const file of files) {
    const suffix = file.name.slice(file.name.lastIndexOf(".")).toLowerCase();
    if (suffix === ".zip" || (!accepts.includes(suffix) && file.name !== "material.json")) continue;
    const path = file.webkitRelativePath.split("/");
    const folder = path.slice(0, -1).join("/");
    found.set(folder, [...(found.get(folder) ?? []), file]);
  }
  return [...found].map(([folder, inside]) => ({ name: folder.slice(folder.lastIndexOf("/") + 1) || "material", files: inside }));
}

/** Files and folders that were dropped. */
async function dropped(transfer: DataTransfer, accepts: string[]): Promise<Bundle[]> {
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  if (entries.every((entry) => entry.isFile)) return single([...transfer.files]);
  const bundles: Bundle[] = [];
  for (const entry of entries) {
    if (entry.isFile) bundles.push(...single([await file(entry as FileSystemFileEntry)]));
    else bundles.push(...(await inside(entry as FileSystemDirectoryEntry, accepts)));
  }
  return bundles;
}

const file = (entry: FileSystemFileEntry): Promise<File> => new Promise((resolve, reject) => entry.file(resolve, reject));

async function inside(folder: FileSystemDirectoryEntry, accepts: string[]): Promise<Bundle[]> {
  const reader = folder.createReader();
  const entries: FileSystemEntry[] = [];
  // A reader gives at most a hundred entries at a time, and none at the end.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) break;
    entries.push(...some);
  }
  const files: File[] = [];
  const bundles: Bundle[] = [];
  for (const entry of entries) {
    if (entry.isFile) {
      const suffix = entry.name.slice(entry.name.lastIndexOf(".")).toLowerCase();
      if ((accepts.includes(suffix) && suffix !== ".zip") || entry.name === "material.json") {
        files.push(await file(entry as FileSystemFileEntry));
      }
    } else bundles.push(...(await inside(entry as FileSystemDirectoryEntry, accepts)));
  }
  return files.length > 0 ? [{ name: folder.name, files }, ...bundles] : bundles;
}
