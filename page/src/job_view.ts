/** The selected job: its progress, error or result. */

import { type Job, type Parameters, type Result, type Tool, address, ended, picture } from "./api";
import { element, fill } from "./element";
import { duration, inputNames, keptName, span, stateName } from "./labels";
import { ResultView } from "./result_view";

/** Number of log lines that are shown. */
const LOG = 6;
/** Number of inputs that are shown until there is a preview. */
const INPUTS = 4;
/** Fraction from which on the time that is left can be told. */
const TELLING = 0.05;

export class JobView {
  readonly element = element("section", { class: "panel main", "aria-labelledby": "stage-title" });
  private job: Job | null = null;
  private result: ResultView | null = null;
  private running: Running | null = null;

  constructor(
    private readonly callbacks: {
      cancel: (job: Job) => void;
      again: (job: Job) => void;
      remove: (job: Job) => void;
      failed: (sentence: string) => void;
      adjust: (job: Job, result: Result, parameters: Parameters) => void;
    },
    private readonly adjust: Tool | null,
  ) {
    this.empty();
  }

  empty(): void {
    this.clear();
    this.job = null;
    fill(
      this.element,
      element(
        "div",
        { class: "empty" },
        element("span", { class: "ball", "aria-hidden": "true" }),
        element("h2", { id: "stage-title", tabindex: -1 }, "Drop Photographs or a Texture"),
        element("p", {}, "Drop one or two photographs, a texture, or a material as a folder or zip. The result appears here."),
      ),
    );
  }

  show(job: Job): void {
    const known = this.job;
    this.job = job;
    if (known?.id === job.id && known.state === job.state && known.cancelling === job.cancelling) {
      this.running?.update(job);
      return;
    }
    this.clear();
    if (!ended(job)) {
      this.running = new Running(job, () => this.callbacks.cancel(job));
      fill(this.element, this.header(job), this.running.element);
      return;
    }
    if (job.state === "done" && job.results.length > 0) {
      this.result = new ResultView(job, this.callbacks, this.adjust);
      fill(this.element, this.header(job), this.result.element);
      return;
    }
    fill(this.element, this.header(job), element("div", { class: "outcome" }, ...this.outcome(job)));
  }

  private clear(): void {
    this.result?.dispose();
    this.running?.dispose();
    this.result = this.running = null;
  }

  private header(job: Job): HTMLElement {
    const button = (text: string, press: () => void, kind = ""): HTMLElement =>
      element("button", { type: "button", class: kind, onclick: press }, text);
    const time = duration(job);
    return element(
      "header",
      {},
      element(
        "div",
        {},
        element("h2", { id: "stage-title", tabindex: -1 }, job.title),
        element("p", { class: "help name" }, [inputNames(job), time && `in ${time}`, keptName(job)].filter(Boolean).join(" · ")),
      ),
      element(
        "div",
        { class: "actions" },
        ended(job) && button("Delete", () => this.callbacks.remove(job), "quiet"),
        ended(job) && button("Edit and Rerun", () => this.callbacks.again(job)),
        job.zip && element("a", { class: "button primary", href: address(job.zip), download: "" }, "Download Zip"),
      ),
    );
  }

  private outcome(job: Job): HTMLElement[] {
    if (job.state === "cancelled") return [element("p", {}, "Cancelled. The job has no output.")];
    if (job.state === "done") return [element("p", {}, "The job produced no output.")];
    const { sentence = "The job failed without an error message.", cause = "" } = job.error ?? {};
    return [
      element("p", { class: "wrong", role: "alert" }, sentence),
      ...job.failures.filter((one) => one !== sentence).map((one) => element("p", { class: "wrong" }, one)),
      ...(cause ? [element("details", {}, element("summary", {}, "Details"), element("pre", {}, cause))] : []),
    ];
  }
}

/** A waiting or running job. */
class Running {
  readonly element: HTMLElement;
  private readonly bar = element("progress", { max: 1, "aria-label": "Progress" });
  private readonly state = element("span", { class: "state" });
  private readonly stage = element("span", { class: "help" });
  private readonly preview = element("img", { class: "preview", alt: "Preview" });
  private readonly inputs: HTMLElement;
  private readonly lines = element("ul", { class: "log", "aria-label": "Log" });
  private readonly cancel: HTMLButtonElement;
  private readonly time = element("span", { class: "help time" });
  private readonly clock = window.setInterval(() => this.tick(), 1000);
  private fraction = 0;
  /** By this page's clock; the service's may differ. */
  private began: number | null = null;

  constructor(job: Job, cancel: () => void) {
    this.cancel = element("button", { type: "button", onclick: cancel }, "Cancel");
    const pictures = job.inputs
      .slice(0, INPUTS)
      .filter(({ asset }) => asset)
      .map(({ asset, name }) => element("img", { src: picture(asset), alt: name }));
    this.inputs = element("div", { class: "waiting" }, ...pictures);
    this.element = element(
      "div",
      { class: "running" },
      element("div", { class: "stage" }, this.inputs, this.preview),
      this.bar,
      element("div", { class: "bar" }, this.state, this.stage, this.time, this.cancel),
      this.lines,
    );
    this.update(job);
  }

  dispose(): void {
    clearInterval(this.clock);
  }

  /** Show the time that it has taken, and what is left by how far it is. */
  private tick(): void {
    if (this.began === null) {
      this.time.textContent = "";
      return;
    }
    const elapsed = (performance.now() - this.began) / 1000;
    const left = this.fraction >= TELLING ? elapsed * (1 / this.fraction - 1) : null;
    this.time.textContent = left === null ? `${span(elapsed)} elapsed` : `${span(elapsed)} elapsed, about ${span(left)} left`;
  }

  update(job: Job): void {
    this.state.textContent = stateName(job);
    this.stage.textContent = job.state === "running" ? job.stage : "";
    this.cancel.disabled = job.cancelling;
    this.fraction = job.fraction;
    if (job.state === "running") this.began ??= performance.now() - 1000 * (job.seconds ?? 0);
    else this.began = null;
    this.tick();
    if (job.state === "waiting") this.bar.removeAttribute("value");
    else this.bar.value = job.fraction;
    fill(this.lines, ...job.log.slice(-LOG).map(({ text }) => element("li", {}, text)));
    const latest = job.preview ? address(job.preview) : "";
    this.preview.hidden = !latest;
    this.inputs.hidden = Boolean(latest);
    if (latest && this.preview.src !== latest) this.preview.src = latest;
  }
}
