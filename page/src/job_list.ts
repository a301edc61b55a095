import { type Job, address, ended, picture } from "./api";
import { element, fill } from "./element";
import { inputNames, stateName, timeName } from "./labels";

/** The list of jobs; rows are updated in place, so that focus and images do not jump. */
export class JobList {
  readonly element: HTMLElement;
  private readonly rows = new Map<string, Row>();
  private readonly list = element("ul", { class: "jobs" });
  private readonly none = element("p", { class: "help" }, "No jobs yet.");
  private readonly more: HTMLButtonElement;

  constructor(
    private readonly choose: (job: Job) => void,
    more: () => void,
  ) {
    this.more = element("button", { type: "button", class: "quiet", onclick: more }, "Show Older Jobs");
    this.element = element(
      "section",
      { class: "panel listing", "aria-labelledby": "jobs-title" },
      element("h2", { id: "jobs-title" }, "Jobs"),
      this.none,
      this.list,
      this.more,
    );
  }

  show(jobs: Job[], chosen: string, more: boolean): void {
    for (const job of jobs) {
      const row = this.rows.get(job.id) ?? new Row(job, this.choose);
      this.rows.set(job.id, row);
      row.update(job, job.id === chosen);
    }
    const ids = new Set(jobs.map((job) => job.id));
    for (const id of this.rows.keys()) if (!ids.has(id)) this.rows.delete(id);
    const wanted = jobs.map((job) => this.rows.get(job.id)!.element);
    if (wanted.length !== this.list.children.length || wanted.some((row, index) => this.list.children[index] !== row)) {
      const focused = document.activeElement;
      fill(this.list, ...wanted);
      if (focused instanceof HTMLElement && this.list.contains(focused)) focused.focus();
    }
    this.none.hidden = jobs.length > 0;
    this.more.hidden = !more;
  }
}

class Row {
  readonly element: HTMLElement;
  private job: Job;
  private readonly picture = element("img", { alt: "", onerror: () => this.hidePicture() });
  private readonly thumb = element("span", { class: "thumb" });
  private readonly state = element("span", { class: "state" });
  private readonly bar = element("progress", { max: 1, "aria-hidden": "true" });
  private readonly button: HTMLButtonElement;

  constructor(job: Job, choose: (job: Job) => void) {
    this.job = job;
    this.button = element(
      "button",
      { type: "button", onclick: () => choose(this.job) },
      this.thumb,
      this.picture,
      element(
        "span",
        { class: "about" },
        element("strong", {}, job.title),
        element("span", { class: "name" }, inputNames(job)),
        this.state,
        this.bar,
      ),
    );
    this.element = element("li", {}, this.button);
  }

  /** Show a placeholder; the upload may have expired. */
  private hidePicture(): void {
    this.picture.hidden = true;
    this.thumb.hidden = false;
  }

  update(job: Job, chosen: boolean): void {
    this.job = job;
    const latest = job.results[0]?.preview ?? job.preview;
    const first = job.inputs[0]?.asset;
    const shown = latest ? address(latest) : first ? picture(first) : "";
    if (!shown) this.hidePicture();
    else if (this.picture.src !== shown) {
      this.picture.src = shown;
      this.picture.hidden = false;
    }
    this.thumb.hidden = !this.picture.hidden;
    this.state.textContent = `${stateName(job)} · ${timeName(job.created)}`;
    this.state.className = job.state === "failed" ? "state wrong" : "state";
    this.bar.hidden = ended(job);
    if (job.state === "waiting") this.bar.removeAttribute("value");
    else this.bar.value = job.fraction;
    if (chosen) this.button.setAttribute("aria-current", "true");
    else this.button.removeAttribute("aria-current");
  }
}
