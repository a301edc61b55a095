/** Labels of the page. */

import type { Job, Result, StoredFile } from "./api";

/** Labels of maps, in display order. */
const MAPS: Record<string, string> = {
  basecolor: "Base Color",
  normal: "Normal",
  roughness: "Roughness",
  metallic: "Metallic",
  height: "Height",
  ao: "Ambient Occlusion",
  specular: "Specular",
  anisotropy: "Anisotropy",
  anisotropy_angle: "Anisotropy Angle",
  opacity: "Opacity",
  emission: "Emission",
  gloss: "Gloss",
  orm: "AO, Roughness, Metallic",
};

export const mapName = (file: StoredFile): string => MAPS[file.map] ?? file.name;

/** Maps of a material in their usual order. */
export const inOrder = (files: StoredFile[]): StoredFile[] =>
  files.toSorted((one, other) => Object.keys(MAPS).indexOf(one.map) - Object.keys(MAPS).indexOf(other.map));

export const wrapName = (wrap: Result["wrap"]): string =>
  ({ none: "does not tile", x: "tiles on x", y: "tiles on y", xy: "tiles on x and y" })[wrap];

export function stateName(job: Job): string {
  if (job.cancelling && job.state === "running") return "Cancelling...";
  if (job.state === "waiting") return job.position > 0 ? `Waiting, ${job.position} ahead` : "Waiting";
  if (job.state === "running") return `${Math.round(100 * job.fraction)}%`;
  return { done: "Done", failed: "Failed", cancelled: "Cancelled" }[job.state];
}

export const inputNames = (job: Job): string => job.inputs.map((input) => input.name).join(", ");

/** Time of day for today, otherwise the date. */
export function timeName(text: string): string {
  const time = new Date(text);
  return time.toDateString() === new Date().toDateString()
    ? time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })
    : time.toLocaleDateString([], { day: "numeric", month: "short" });
}

export function duration(job: Job): string {
  if (!job.started || !job.ended) return "";
  return span((Date.parse(job.ended) - Date.parse(job.started)) / 1000, 10);
}

/** Seconds in words; below `exact` with a decimal. */
export const span = (seconds: number, exact = 0): string =>
  seconds < 90
    ? `${seconds.toFixed(seconds < exact ? 1 : 0)} s`
    : seconds < 5400
      ? `${Math.round(seconds / 60)} min`
      : `${(seconds / 3600).toFixed(1)} h`;

/** What a result is: a material and its maps, an image, a sheet of pictures. */
export function resultName(result: Result, tool: string): string {
  const what = tool === "preview" ? "Preview" : result.kind === "material" ? "Material" : "Image";
  const maps = result.files.filter((file) => file.map).length;
  return `${what} ${result.name}${result.kind === "material" ? `, ${maps} maps` : ""}`;
}

export const keptName = (job: Job): string =>
  job.kept_until ? `Kept until ${new Date(job.kept_until).toLocaleDateString([], { day: "numeric", month: "short", year: "numeric" })}` : "";
