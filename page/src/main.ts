/** The page: tool, inputs, parameters, and jobs. */

import * as api from "./api";
import { type Job, type Parameters, ServiceError, type Tool, ended } from "./api";
import { element, fill } from "./element";
import { Form } from "./form";
import { Inputs, type SavedUpload } from "./inputs";
import { JobList } from "./job_list";
import { inputNames } from "./labels";
import { JobView } from "./job_view";
import { askForToken } from "./token";

/** Milliseconds between requests of the job list, while a job runs and otherwise. */
const POLL_INTERVAL = { busy: 2000, idle: 15000 };
/** Milliseconds in which a deletion can be taken back. */
const UNDO = 6000;
/** Fraction of a job after which a screen reader announces its progress again. */
const ANNOUNCED = 0.25;
/** Key in the session storage. */
const STORAGE_KEY = "matshot";

interface SavedState {
  tool: string;
  values: Record<string, Parameters>;
  uploads: SavedUpload[];
}

class Page {
  private readonly banner = element("p", { class: "banner", role: "status", hidden: true });
  private readonly announcement = element("p", { class: "hidden", "aria-live": "polite" });
  private readonly error = element("p", { class: "wrong", role: "alert" });
  private readonly form = element("div", {});
  private readonly help = element("p", { class: "help" });
  private readonly start = element("button", { type: "submit", class: "primary" }, "Start");
  private readonly inputs: Inputs;
  private readonly jobView: JobView;
  private readonly jobList: JobList;
  private readonly values: Record<string, Parameters>;
  private tool: Tool;
  private parameterForm!: Form;
  private jobs: Job[] = [];
  private more = false;
  private older = false;
  private chosen = "";
  private announcedFraction = 0;
  private timer = 0;
  private readonly undo = element("div", { class: "banner undo", role: "status", hidden: true });
  /** Jobs that are to be deleted, with the timers that do it and the rows that take it back. */
  private readonly removed = new Map<string, { timer: number; row: HTMLElement }>();
  private unfollow = (): void => {};

  constructor(private readonly table: api.ToolTable) {
    const saved = savedState();
    this.values = saved.values;
    this.tool = table.tools.find((tool) => tool.name === saved.tool) ?? table.tools.find((tool) => tool.name === "oneshot") ?? table.tools[0]!;
    this.inputs = new Inputs(table.accepts, table.limits.upload_bytes ?? Infinity, {
      changed: () => {
        this.error.textContent = this.inputs.refusals.join(" ");
        this.save();
      },
      several: (count) => this.chooseToolFor(count),
    });
    this.jobView = new JobView({
      cancel: (job) => void this.attempt(async () => this.update(await api.cancel(job.id))),
      again: (job) => void this.attempt(() => this.again(job)),
      remove: (job) => this.remove(job),
      failed: (sentence) => this.say(sentence),
      adjust: (job, result, parameters) => void this.attempt(() => this.adjust(job, result, parameters)),
    }, table.tools.find((tool) => tool.name === "adjust") ?? null);
    this.jobList = new JobList(
      (job) => this.choose(job.id, true),
      () => void this.attempt(() => this.loadOlder()),
    );
    this.build();
    this.chooseTool(this.tool);
    if (saved.uploads.length > 0) void this.inputs.restore(saved.uploads);
    this.listen();
    void this.refresh();
  }

  private build(): void {
    const tools = element(
      "fieldset",
      { class: "tools" },
      element("legend", {}, "Tool"),
      ...this.table.tools.map((tool) =>
        element(
          "label",
          {},
          element("input", { type: "radio", name: "tool", value: tool.name, onchange: () => this.chooseTool(tool) }),
          element("span", {}, tool.title),
        ),
      ),
    );
    const make = element(
      "form",
      {
        class: "panel make",
        "aria-label": "New job",
        novalidate: true,
        onsubmit: (event) => {
          event.preventDefault();
          void this.begin();
        },
      },
      element(
        "div",
        { class: "scroll" },
        tools,
        this.help,
        element("section", { "aria-label": "Input" }, this.inputs.element),
        element("section", { "aria-label": "Parameters" }, this.form),
      ),
      element(
        "div",
        { class: "foot" },
        this.error,
        element(
          "div",
          { class: "actions" },
          element("button", { type: "button", class: "quiet", onclick: () => this.parameterForm.reset() }, "Defaults"),
          this.start,
        ),
      ),
    );
    fill(
      document.body,
      element(
        "header",
        { class: "top" },
        element("h1", {}, "Matshot"),
        element("span", { class: "help" }, this.table.version),
        this.banner,
        this.undo,
      ),
      element("main", {}, make, this.jobView.element, this.jobList.element),
      this.announcement,
    );
  }

  private listen(): void {
    document.addEventListener("dragover", (event) => {
      event.preventDefault();
      document.body.classList.add("dragging");
    });
    document.addEventListener("dragleave", (event) => {
      if (event.relatedTarget === null) document.body.classList.remove("dragging");
    });
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      document.body.classList.remove("dragging");
      if (event.dataTransfer) void this.inputs.drop(event.dataTransfer);
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void this.begin();
    });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) void this.refresh();
    });
    window.addEventListener("popstate", () => this.goTo(chosenInAddress()));
    window.addEventListener("pagehide", () => this.removed.forEach((_, id) => api.removeAtOnce(id)));
  }

  private chooseTool(tool: Tool): void {
    this.tool = tool;
    for (const radio of document.querySelectorAll<HTMLInputElement>("input[name=tool]")) {
      radio.checked = radio.value === tool.name;
    }
    this.help.textContent = tool.help;
    const changed = (): void => {
      this.values[tool.name] = this.parameterForm.parameters;
      this.save();
    };
    this.parameterForm = new Form(tool, this.values[tool.name] ?? {}, changed, () => this.inputs.first());
    fill(this.form, this.parameterForm.element);
    this.inputs.use(tool);
    this.error.textContent = "";
    this.save();
  }

  /** Choose the tool that takes this many photographs. */
  private chooseToolFor(count: number): void {
    const photos = (tool: Tool): boolean => tool.inputs.every((input) => input.kind === "photo");
    const fitting = this.table.tools.find((tool) => photos(tool) && tool.inputs.length === count);
    if (fitting && photos(this.tool)) this.chooseTool(fitting);
  }

  private async begin(): Promise<void> {
    if (this.start.disabled) return;
    this.error.textContent = "";
    this.start.disabled = true;
    try {
      const inputs = await this.inputs.ready();
      const parameters = this.parameterForm.parameters;
      const job = await api.start({ tool: this.tool.name, inputs, parameters });
      this.update(job);
      this.choose(job.id, true);
      this.jobView.element.scrollIntoView({ block: "nearest" });
      this.announcement.textContent = `Started ${job.title}.`;
    } catch (error) {
      this.error.textContent = sentence(error);
    }
    this.start.disabled = false;
    if (document.activeElement === document.body) this.start.focus();
    void this.refresh();
  }

  /** Make a material from a result with other sliders. */
  private async adjust(job: Job, result: api.Result, parameters: Parameters): Promise<void> {
    const started = await api.start({ tool: "adjust", inputs: [{ job: job.id, result: result.number }], parameters });
    this.update(started);
    this.choose(started.id, true);
    void this.refresh();
  }

  private async again(job: Job): Promise<void> {
    const tool = this.table.tools.find((one) => one.name === job.tool);
    if (!tool) return;
    this.values[tool.name] = { ...job.parameters };
    this.chooseTool(tool);
    await this.inputs.restore(job.inputs.map(({ asset, name }) => ({ id: asset, name })));
    document.querySelector<HTMLInputElement>("input[name=tool]:checked")?.focus();
  }

  /** Delete a job, unless the artist takes that back in time. */
  private remove(job: Job): void {
    const place = this.jobs.findIndex((one) => one.id === job.id);
    this.jobs = this.jobs.filter((one) => one.id !== job.id);
    this.choose(this.jobs[Math.min(place, this.jobs.length - 1)]?.id ?? "", true);
    const timer = window.setTimeout(() => void this.attempt(() => this.removeNow(job.id)), UNDO);
    const label = `Undo: ${job.title} of ${inputNames(job)}`;
    const undo = element("button", { type: "button", class: "quiet", "aria-label": label, onclick: () => this.restore(job, place) }, "Undo");
    const row = element("p", {}, `Deleted ${job.title} of ${inputNames(job)}. `, undo);
    this.removed.set(job.id, { timer, row });
    this.undo.append(row);
    this.undo.hidden = false;
    undo.focus();
  }

  private restore(job: Job, place: number): void {
    clearTimeout(this.removed.get(job.id)?.timer);
    this.withdrawUndo(job.id);
    this.removed.delete(job.id);
    this.jobs.splice(place, 0, job);
    this.choose(job.id, true);
  }

  private async removeNow(id: string): Promise<void> {
    this.withdrawUndo(id);
    try {
      await api.remove(id);
    } finally {
      this.removed.delete(id);
    }
  }

  /** Take a deletion's row out of the banner; the focus, if the row had it, goes to the next row or to the job shown. */
  private withdrawUndo(id: string): void {
    const row = this.removed.get(id)?.row;
    const focused = row?.contains(document.activeElement);
    row?.remove();
    this.undo.hidden = this.undo.childElementCount === 0;
    if (focused) (this.undo.querySelector("button") ?? document.querySelector<HTMLElement>("#stage-title"))?.focus();
  }

  /** Show a job, and move the focus to it if the artist chose it. */
  private choose(id: string, focus = false): void {
    const changed = id !== this.chosen;
    this.chosen = id;
    if (id !== chosenInAddress()) {
      const target = id ? `#job=${id}` : location.pathname + location.search;
      // What the artist chose can be gone back from; what the page chose by itself takes the place of what was there.
      if (focus) history.pushState(null, "", target);
      else history.replaceState(null, "", target);
    }
    this.draw();
    if (changed) this.follow();
    if (focus) document.querySelector<HTMLElement>("#stage-title")?.focus({ preventScroll: false });
  }

  /** Show the job of an address that the browser went to. */
  private goTo(id: string): void {
    if (id && !this.jobs.some((one) => one.id === id)) void this.refresh();
    else this.choose(id, true);
  }

  private follow(): void {
    this.unfollow();
    this.unfollow = () => {};
    this.announcedFraction = 0;
    const { chosen } = this;
    const job = this.jobs.find((one) => one.id === chosen);
    if (!job || ended(job)) return;
    const change = (what: (now: Job) => Partial<Job>): void => {
      const now = this.jobs.find((one) => one.id === chosen);
      if (now && !ended(now)) this.update({ ...now, ...what(now) });
    };
    this.unfollow = api.follow(chosen, {
      state: (now) => this.update(now),
      progress: ({ fraction, stage }) => change(() => ({ fraction, stage })),
      preview: (preview) => change(() => ({ preview })),
      log: (entry) => change(({ log }) => ({ log: [...log, entry] })),
      connected: (connected) => this.setConnected(connected),
    });
  }

  /** Update a job with its state from the service. */
  private update(job: Job): void {
    const place = this.jobs.findIndex((one) => one.id === job.id);
    const before = this.jobs[place];
    if (place < 0) this.jobs.unshift(job);
    else this.jobs[place] = job;
    if (job.id === this.chosen) this.announce(job, before);
    this.draw();
  }

  private announce(job: Job, before: Job | undefined): void {
    if (before && before.state !== job.state && ended(job)) {
      const outcome = { done: "finished", cancelled: "was cancelled", failed: "failed" }[job.state as "done" | "cancelled" | "failed"];
      this.announcement.textContent = `${job.title} of ${inputNames(job)} ${outcome}.`;
    } else if (job.state === "running" && job.fraction >= this.announcedFraction + ANNOUNCED) {
      this.announcedFraction = job.fraction;
      this.announcement.textContent = `${job.title}: ${Math.round(100 * job.fraction)} percent, ${job.stage}.`;
    }
  }

  private draw(): void {
    this.jobList.show(this.jobs, this.chosen, this.more);
    const job = this.jobs.find((one) => one.id === this.chosen);
    if (job) this.jobView.show(job);
    else this.jobView.empty();
    const busy = job && !ended(job) ? `${Math.round(100 * job.fraction)}% ${job.title} · ` : "";
    document.title = `${busy}Matshot`;
  }

  /** Update the list of jobs, and schedule the next update. */
  private async refresh(): Promise<void> {
    clearTimeout(this.timer);
    try {
      const answer = await api.jobs();
      const { more } = answer;
      const jobs = answer.jobs.filter((job) => !this.removed.has(job.id));
      const fresh = new Set(jobs.map((job) => job.id));
      const last = jobs.at(-1);
      // Keep older jobs that were loaded; a newer one that is missing was deleted.
      const stay = this.older && last ? this.jobs.filter((job) => !fresh.has(job.id) && job.created < last.created) : [];
      // The followed job is more recent than its row.
      const followed = this.jobs.find((job) => job.id === this.chosen);
      this.jobs = [...jobs.map((job) => (followed?.id === job.id && !ended(job) && !ended(followed) ? followed : job)), ...stay];
      if (!this.older) this.more = more;
      this.setConnected(true);
      const wanted = chosenInAddress();
      if (wanted && !this.jobs.some((job) => job.id === wanted)) await this.fetchChosen(wanted);
      if (this.chosen !== wanted || (this.chosen && !this.jobs.some((job) => job.id === this.chosen))) {
        this.choose(this.jobs.some((job) => job.id === wanted) ? wanted : "");
      } else this.draw();
    } catch (error) {
      if (error instanceof ServiceError && error.status === 0) this.setConnected(false);
      else this.say(sentence(error));
    }
    const busy = this.jobs.some((job) => !ended(job)) || !this.banner.hidden;
    this.timer = window.setTimeout(() => void this.refresh(), busy ? POLL_INTERVAL.busy : POLL_INTERVAL.idle);
  }

  /** Load the job of the address, if it is not among the newest. */
  private async fetchChosen(id: string): Promise<void> {
    try {
      this.jobs.push(await api.job(id));
    } catch (error) {
      if (!(error instanceof ServiceError) || error.status !== 404) throw error;
    }
  }

  private async loadOlder(): Promise<void> {
    const last = this.jobs.at(-1);
    if (!last) return;
    const { jobs, more } = await api.jobs(last.id);
    this.jobs.push(...jobs.filter((job) => !this.jobs.some((one) => one.id === job.id)));
    this.older = true;
    this.more = more;
    this.draw();
  }

  private async attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.say(sentence(error));
    }
  }

  private setConnected(connected: boolean): void {
    if (!connected) this.say("Cannot reach the service. Trying again...", true);
    else if (this.banner.dataset.lost) this.say("");
  }

  private say(text: string, lost = false): void {
    this.banner.textContent = text;
    this.banner.hidden = text === "";
    if (lost) this.banner.dataset.lost = "true";
    else delete this.banner.dataset.lost;
  }

  private save(): void {
    const state: SavedState = { tool: this.tool.name, values: this.values, uploads: this.inputs.saved };
    sessionStorage.setItem(STORAGE_KEY, JSON.stringify(state));
  }
}

const chosenInAddress = (): string => /^#job=([0-9a-f]+)$/.exec(location.hash)?.[1] ?? "";

const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function savedState(): SavedState {
  const empty: SavedState = { tool: "", values: {}, uploads: [] };
  try {
    return { ...empty, ...(JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? "{}") as Partial<SavedState>) };
  } catch {
    return empty;
  }
}

async function open(): Promise<void> {
  api.onTokenWanted(askForToken);
  try {
    new Page(await api.tools());
  } catch (error) {
    const retry = element("button", { type: "button", onclick: () => void open() }, "Try Again");
    fill(document.body, element("main", { class: "panel empty" }, element("p", { role: "alert" }, sentence(error)), retry));
  }
}

void open();
