/** A parameter that is a file: chosen, dropped, or painted over the input. */

import { type Asset, type Property, ServiceError, type Value, address, asset, helpOf, shown, upload } from "./api";
import { element } from "./element";
import { paintMask } from "./mask_painter";

/** Longest sides of the picture to paint on, and of a mask that is painted further. */
const SIDE = { ground: 2048, mask: 4096 };
const ACCEPT = { image: "image/*,.exr,.tga,.hdr,.dds,.ktx2", asset: "image/*,.exr,.tga,.hdr,.dds,.ktx2,.zip" };

export interface Control {
  control: HTMLElement;
  show: (value: Value) => void;
  label: string;
}

/**
 * A field for a file that is uploaded at once; the id of its asset is the value.
 *
 * @param input what a mask is painted over.
 */
export function fileField(
  id: string,
  property: Property,
  value: string,
  take: (value: Value) => void,
  input: () => Promise<Asset | null>,
): Control {
  const mask = property["x-file"] === "mask";
  const field = element("input", {
    type: "file",
    id,
    class: "hidden",
    multiple: true,
    accept: property["x-file"] === "asset" ? ACCEPT.asset : ACCEPT.image,
    "aria-describedby": `${id}-help`,
  });
  const picture = element("img", { alt: "", hidden: true });
  const state = element("span", { class: "help", role: "status" });
  const remove = element("button", { type: "button", class: "quiet icon", "aria-label": `Remove ${property.title}`, title: "Remove" }, "×");
  const paint = element("button", { type: "button", "aria-describedby": `${id}-help` });
  // The label is what is seen of the input, which takes the focus; the row's title names it.
  const choose = element("label", { for: id, class: "button" }, "Choose", element("span", { class: "hidden" }, ` ${property.title}`));
  let current = "";
  let uploading = new AbortController();

  const show = (shownValue: Value): void => {
    current = String(shownValue);
    remove.hidden = !current;
    picture.hidden = !current;
    if (current) picture.src = address(`v1/assets/${current}/preview`);
    else picture.removeAttribute("src");
    field.value = "";
    state.textContent = current ? "" : "or drop it here";
    paint.textContent = current ? "Edit" : "Paint";
    paint.setAttribute("aria-label", `${paint.textContent} ${property.title}`);
  };
  const fail = (error: unknown): void => {
    state.textContent = error instanceof ServiceError || error instanceof Error ? error.message : String(error);
  };
  const send = (files: File[]): void => {
    uploading.abort();
    if (files.length === 0) return;
    const several = files.length > 1;
    if (several && property["x-file"] !== "asset") return void (state.textContent = "Choose one file.");
    const own = (uploading = new AbortController());
    state.textContent = "Uploading";
    upload(files, several ? "material" : files[0]!.name, () => {}, own.signal).then(
      (sent) => {
        if (!several && property["x-file"] !== "asset" && sent.kind !== "image") {
          return void (state.textContent = `${sent.name} is not an image.`);
        }
        show(sent.id);
        take(sent.id);
      },
      (error: unknown) => !own.signal.aborted && fail(error),
    );
  };
  field.addEventListener("change", () => send([...(field.files ?? [])]));
  remove.addEventListener("click", () => {
    uploading.abort();
    show("");
    take("");
    field.focus();
  });
  paint.addEventListener("click", async () => {
    try {
      const over = await input();
      if (!over) return void (state.textContent = "Choose the input first, to paint on it.");
      const known = current && (await knownMask(current));
      const ground = { picture: pictureOf(over), width: over.width, height: over.height, mask: known };
      const painted = await paintMask(property.title, helpOf(property), ground);
      if (painted) send([new File([painted], `${over.name.replace(/\.[^.]*$/, "")} ${property.title.toLowerCase()}.png`, { type: "image/png" })]);
    } catch (error) {
      fail(error);
    }
    paint.focus();
  });

  const control = element(
    "div",
    { class: "file-field" },
    picture,
    element("div", { class: "about" }, element("div", { class: "file-buttons" }, field, choose, mask && paint), state),
    remove,
  );
  control.addEventListener("dragover", (event) => {
    event.preventDefault();
    control.classList.add("over");
  });
  control.addEventListener("dragleave", () => control.classList.remove("over"));
  control.addEventListener("drop", (event) => {
    // It is for this field, not for the page's inputs.
    event.preventDefault();
    event.stopPropagation();
    control.classList.remove("over");
    document.body.classList.remove("dragging");
    send([...(event.dataTransfer?.files ?? [])]);
  });
  show(value);
  return { control, show, label: id };
}

/** A picture of an image, or of a material's base color, to paint on. */
function pictureOf({ kind, files, preview }: Asset): string {
  const color = files.find(({ map }) => map === "basecolor") ?? files.find(({ map }) => map);
  const file = kind === "image" ? files[0] : color;
  return file ? shown(file, SIDE.ground) : address(preview ?? "");
}

/** Address of a mask to go on with; empty if it has expired. */
async function knownMask(id: string): Promise<string> {
  try {
    const { files } = await asset(id);
    return files[0] ? shown(files[0], SIDE.mask) : "";
  } catch (error) {
    if (error instanceof ServiceError && error.status === 404) return "";
    throw error;
  }
}
