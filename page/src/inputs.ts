/** Inputs of tools: files are dropped or chosen, uploaded at once, and assigned to the inputs. */

import { type Asset, ServiceError, type Tool, type ToolInput, address, asset, mapNames, upload } from "./api";
import { element, fill, size } from "./element";

/** One image, or one material of several files. */
interface Bundle {
  name: string;
  files: File[];
}

/** An upload that is restored after a reload. */
export type SavedUpload = { id: string; name: string } | null;

/** An image or material that the artist chose. */
class Upload {
  asset: Asset | null = null;
  error = "";
  /** Progress of the upload; updated in place, so that nothing is redrawn. */
  readonly bar: HTMLProgressElement;
  readonly picture: string;
  private readonly abort = new AbortController();
  readonly finished: Promise<void>;

  constructor(
    readonly name: string,
    files: File[],
    changed: () => void,
    known: Asset | null = null,
  ) {
    this.asset = known;
    this.bar = element("progress", { max: 1, value: 0, "aria-label": `Uploading ${name}` });
    const drawable = files.length === 1 && /^image\/(png|jpeg|webp|bmp)$/.test(files[0]!.type);
    this.picture = drawable ? URL.createObjectURL(files[0]!) : "";
    this.finished = known ? Promise.resolve() : this.uploaded(files, changed);
  }

  get thumbnail(): string {
    return this.picture || (this.asset?.preview ? address(this.asset.preview) : "");
  }

  dispose(): void {
    this.abort.abort();
    if (this.picture) URL.revokeObjectURL(this.picture);
  }

  private async uploaded(files: File[], changed: () => void): Promise<void> {
    try {
      this.asset = await upload(files, this.name, (fraction) => (this.bar.value = fraction), this.abort.signal);
    } catch (error) {
      if (error instanceof DOMException) return;
      this.error = error instanceof ServiceError ? error.sentence : String(error);
    }
    changed();
  }
}

/** The inputs of a tool, and the uploads assigned to them. */
export class Inputs {
  readonly element = element("div", { class: "inputs" });
  /** Why files of the last choice or drop were not taken, in sentences. */
  refusals: string[] = [];
  /** In the order of the tool's inputs; null for an empty one. */
  private uploads: (Upload | null)[] = [];
  private tool: Tool | null = null;

  constructor(
    private readonly accepts: string[],
    private readonly limit: number,
    /** `several` reports more photographs at once than the tool takes. */
    private readonly callbacks: { changed: () => void; several: (count: number) => void },
  ) {}

  use(tool: Tool): void {
    this.tool = tool;
    if (this.several) this.uploads = this.uploads.filter((one) => one !== null);
    this.draw();
  }

  /** Inputs for a job, once all uploads are finished. */
  async ready(): Promise<{ asset: string; name: string }[]> {
    const { title, inputs } = this.tool!;
    const ready = this.uploads.slice(0, this.room).filter((one) => one !== null);
    if (ready.length < inputs.length) {
      const empty = inputs.find((_, index) => !this.uploads[index])!;
      throw new ServiceError(`${title}: Choose the ${empty.title.toLowerCase()} first.`, 422);
    }
    await Promise.all(ready.map((one) => one.finished));
    const failed = ready.find((one) => one.asset === null);
    if (failed) throw new ServiceError(`${failed.name}: ${failed.error || "The upload failed. Choose the file again."}`, 400);
    return ready.map((one) => ({ asset: one.asset!.id, name: one.name }));
  }

  /** The first input once it is uploaded, over which masks are painted; null while it is empty. */
  async first(): Promise<Asset | null> {
    const first = this.uploads[0];
    await first?.finished;
    return first?.asset ?? null;
  }

  /** Uploads to restore after a reload. */
  get saved(): SavedUpload[] {
    return this.uploads.map((one) => (one?.asset ? { id: one.asset.id, name: one.name } : null));
  }

  /** Restore uploads; expired ones are left out. */
  async restore(saved: SavedUpload[]): Promise<void> {
    const found = await Promise.allSettled(saved.map((one) => (one ? asset(one.id) : null)));
    this.uploads.forEach((one) => one?.dispose());
    this.uploads = found.map((answer, index) => {
      const known = answer.status === "fulfilled" ? answer.value : null;
      return known && new Upload(saved[index]!.name, [], () => {}, known);
    });
    this.changed();
  }

  /** Add files that were dropped anywhere on the page. */
  async drop(transfer: DataTransfer, slot: number | null = null): Promise<void> {
    await this.take(await droppedBundles(transfer, this.accepts), slot);
  }

  /** Add files that came together: loose maps of one material as that material, photographs in a format that is read. */
  private async take(bundles: Bundle[], slot: number | null): Promise<void> {
    this.refusals = [];
    const read = await Promise.all(bundles.map((bundle) => this.converted(bundle)));
    const known = read.filter((bundle) => bundle !== null);
    const photos = this.tool!.inputs.every((input) => input.kind === "photo");
    const together = photos ? known : await gathered(known);
    this.add(together, slot);
  }

  /** A photograph as a browser that reads HEIC converts it; null, with a sentence, where it cannot. */
  private async converted(bundle: Bundle): Promise<Bundle | null> {
    const [file] = bundle.files;
    const suffix = file?.name.toLowerCase().match(HEIC)?.[0];
    if (!file || bundle.files.length > 1 || !suffix) return bundle;
    // The capture tools read it as it is, with its lens, where the service has what reads it.
    if (this.accepts.includes(suffix) && this.tool!.inputs.every((input) => input.kind === "photo")) return bundle;
    const name = file.name.replace(HEIC, ".jpg");
    try {
      const image = await createImageBitmap(file, { imageOrientation: "from-image" });
      const canvas = new OffscreenCanvas(image.width, image.height);
      canvas.getContext("2d")!.drawImage(image, 0, 0);
      image.close();
      const jpeg = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.98 });
      return { name, files: [new File([jpeg], name, { type: "image/jpeg" })] };
    } catch {
      this.refusals.push(
        `${file.name} is an HEIC photograph, which this browser cannot read. Export it as JPEG or TIFF, or open this page in Safari. ` +
          "An iPhone takes JPEG with Settings > Camera > Formats > Most Compatible.",
      );
      return null;
    }
  }

  private get several(): boolean {
    return Boolean(this.tool?.inputs.some((input) => input.several));
  }

  /** Number of inputs that the tool takes. */
  private get room(): number {
    return this.several ? Infinity : (this.tool?.inputs.length ?? 0);
  }

  private add(bundles: Bundle[], slot: number | null): void {
    const accepted = bundles.filter(({ name, files }) => {
      const bytes = files.reduce((sum, file) => sum + file.size, 0);
      if (files.length === 1 && !this.accepts.some((suffix) => name.toLowerCase().endsWith(suffix))) {
        this.refusals.push(`${name} is not an image or a zipped material.`);
      } else if (bytes > this.limit) {
        this.refusals.push(`${name} has ${size(bytes)}. The limit is ${size(this.limit)}.`);
      } else return true;
      return false;
    });
    if (accepted.length === 0) {
      this.callbacks.changed();
      return;
    }
    if (!this.several && accepted.length > this.tool!.inputs.length) this.callbacks.several(accepted.length);
    const slots = this.slots(accepted.length, slot);
    accepted.forEach(({ name, files }, index) => {
      // What finds no place stays in sight, so that nothing is left out without a word.
      const target = slots[index] ?? Math.max(this.uploads.length, this.room);
      while (this.uploads.length < target) this.uploads.push(null);
      this.uploads[target]?.dispose();
      this.uploads[target] = new Upload(name, files, () => this.changed());
    });
    this.changed();
  }

  /** Slots for new uploads: empty ones, or from the first on if there are too few. */
  private slots(count: number, slot: number | null): number[] {
    if (this.several) return Array.from({ length: count }, (_, index) => this.uploads.length + index);
    const all = Array.from({ length: this.room }, (_, index) => index);
    if (slot !== null) return all.slice(slot, slot + count);
    const empty = all.filter((index) => !this.uploads[index]);
    return (empty.length >= count ? empty : all).slice(0, count);
  }

  private remove(item: Upload): void {
    this.refusals = [];
    item.dispose();
    // The other one of two photographs keeps its slot.
    this.uploads = this.several ? this.uploads.filter((one) => one !== item) : this.uploads.map((one) => (one === item ? null : one));
    while (this.uploads.length > 0 && this.uploads.at(-1) === null) this.uploads.pop();
    this.changed();
    this.element.querySelector<HTMLElement>("input[type=file]")?.focus();
  }

  private changed(): void {
    this.draw();
    this.callbacks.changed();
  }

  private draw(): void {
    const { tool } = this;
    if (!tool) return;
    const focused = document.activeElement?.id;
    const places = this.several
      ? [...this.uploads.map((item) => item && this.filled(item)), this.empty(tool.inputs[0]!, null)]
      : tool.inputs.map((input, index) => {
          const item = this.uploads[index];
          const place = item ? this.filled(item, input) : this.empty(input, index);
          if (tool.inputs.length === 1) return place;
          return element("div", { class: "slot" }, element("span", { class: "label" }, input.title), place);
        });
    const spare = this.uploads.slice(this.room).filter((one) => one !== null);
    fill(
      this.element,
      ...places,
      !this.several &&
        tool.inputs.length === 2 &&
        this.uploads.slice(0, 2).filter(Boolean).length === 2 &&
        element("button", { type: "button", class: "quiet", onclick: () => this.swap() }, "Swap Photographs"),
      spare.length > 0 &&
        element(
          "section",
          { class: "spare", "aria-label": "Not Used" },
          element("p", { class: "help" }, `Not used by ${tool.title}:`),
          ...spare.map((item) => this.filled(item)),
        ),
    );
    if (focused) document.getElementById(focused)?.focus();
  }

  private swap(): void {
    const [first, second, ...others] = this.uploads;
    this.uploads = [second!, first!, ...others];
    this.changed();
  }

  private filled(item: Upload, input?: ToolInput): HTMLElement {
    const { asset: known } = item;
    const status = item.error
      ? element("span", { class: "wrong", role: "alert" }, item.error)
      : known
        ? element("span", { class: "help" }, about(known))
        : item.bar;
    return element(
      "div",
      { class: "upload", title: input?.title },
      item.thumbnail ? element("img", { src: item.thumbnail, alt: "" }) : element("span", { class: "thumb" }),
      element("div", { class: "about" }, element("span", { class: "name" }, item.name), status),
      element(
        "button",
        { type: "button", class: "quiet icon", "aria-label": `Remove ${item.name}`, title: "Remove", onclick: () => this.remove(item) },
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
      accept: [...this.accepts.filter((suffix) => input.kind !== "photo" || suffix !== ".zip"), ".heic", ".heif"].join(","),
      multiple: true,
      "aria-describedby": `${id}-help`,
    });
    files.addEventListener("change", () => void this.take(single([...files.files!]), slot));
    const place = element(
      "div",
      { class: "drop" },
      files,
      element("label", { for: id }, element("strong", {}, `Choose ${wanted(input)}`), " or drop it here"),
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
    return element("div", { class: "folder" }, files, element("label", { for: id }, "Choose a material folder"));
  }
}

const wanted = ({ kind, several }: ToolInput): string =>
  several ? "images or zipped materials" : { photo: "a photograph", material: "a zipped material", asset: "an image or a zipped material" }[kind];

const about = (known: Asset): string =>
  [
    `${known.width} × ${known.height}`,
    known.kind === "material" ? `${known.files.filter((file) => file.map).length} maps` : "",
    size(known.bytes),
  ]
    .filter(Boolean)
    .join(", ");

const HEIC = /\.hei[cf]$/i;

/** Bundles with loose maps of one material as one bundle, by what the service reads in their names. */
async function gathered(bundles: Bundle[]): Promise<Bundle[]> {
  const loose = bundles.filter(({ files, name }) => files.length === 1 && !name.toLowerCase().endsWith(".zip"));
  if (loose.length < 2) return bundles;
  const { names } = await mapNames(loose.map(({ name }) => name)).catch(() => ({ names: [] }));
  const materials = new Map<string, Map<string, Bundle>>();
  names.forEach(({ map, base }, index) => {
    if (!map) return;
    const maps = materials.get(base) ?? new Map<string, Bundle>();
    if (!maps.has(map)) maps.set(map, loose[index]!);
    materials.set(base, maps);
  });
  const found: Bundle[] = [];
  const used = new Set<Bundle>();
  for (const [base, maps] of materials) {
    if (maps.size < 2) continue;
    const parts = [...maps.values()];
    parts.forEach((part) => used.add(part));
    found.push({ name: commonName(parts, base), files: parts.flatMap(({ files }) => files) });
  }
  return [...found, ...bundles.filter((bundle) => !used.has(bundle))];
}

/** The base of a material's maps as their files spell it. */
function commonName(parts: Bundle[], base: string): string {
  const { name } = parts[0]!;
  return name.toLowerCase().startsWith(base) && base ? name.slice(0, base.length) : base || "material";
}

const single = (files: File[]): Bundle[] => files.map((file) => ({ name: file.name, files: [file] }));

/** The files of each folder as one material; only images and descriptions are kept. */
function folders(files: File[], accepts: string[]): Bundle[] {
  const found = new Map<string, File[]>();
  for (const file of files) {
    const suffix = file.name.slice(file.name.lastIndexOf(".")).toLowerCase();
    if (suffix === ".zip" || (!accepts.includes(suffix) && file.name !== "material.json")) continue;
    const path = file.webkitRelativePath.split("/");
    const folder = path.slice(0, -1).join("/");
    found.set(folder, [...(found.get(folder) ?? []), file]);
  }
  return [...found].map(([folder, contents]) => ({ name: folder.slice(folder.lastIndexOf("/") + 1) || "material", files: contents }));
}

/** Dropped files and folders. */
async function droppedBundles(transfer: DataTransfer, accepts: string[]): Promise<Bundle[]> {
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  if (entries.every((entry) => entry.isFile)) return single([...transfer.files]);
  const bundles: Bundle[] = [];
  for (const entry of entries) {
    if (entry.isFile) bundles.push(...single([await file(entry as FileSystemFileEntry)]));
    else bundles.push(...(await folderBundles(entry as FileSystemDirectoryEntry, accepts)));
  }
  return bundles;
}

const file = (entry: FileSystemFileEntry): Promise<File> => new Promise((resolve, reject) => entry.file(resolve, reject));

async function folderBundles(folder: FileSystemDirectoryEntry, accepts: string[]): Promise<Bundle[]> {
  const reader = folder.createReader();
  const entries: FileSystemEntry[] = [];
  // A reader returns at most 100 entries at a time, and none at the end.
  for (;;) {
    const batch = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (batch.length === 0) break;
    entries.push(...batch);
  }
  const files: File[] = [];
  const bundles: Bundle[] = [];
  for (const entry of entries) {
    if (entry.isFile) {
      const suffix = entry.name.slice(entry.name.lastIndexOf(".")).toLowerCase();
      if ((accepts.includes(suffix) && suffix !== ".zip") || entry.name === "material.json") {
        files.push(await file(entry as FileSystemFileEntry));
      }
    } else bundles.push(...(await folderBundles(entry as FileSystemDirectoryEntry, accepts)));
  }
  return files.length > 0 ? [{ name: folder.name, files }, ...bundles] : bundles;
}
