/** The page: a tool, what it is given, and the jobs that come of it. */

import * as api from "./api";
import { type Job, type Parameters, Refusal, type Tool, ended } from "./api";
import { element, fill } from "./element";
import { Form } from "./form";
import { type Kept as Given, Inputs } from "./given";
import { Listing } from "./listing";
import { inputNames } from "./names";
import { Stage } from "./stage";
import { askForToken } from "./token";

/** Milliseconds between looks at the list: while something is done, and while nothing is. */
const PACE = { busy: 2000, idle: 15000 };
/** Parts of a job after which its progress is said aloud again. */
const SPOKEN = 0.25;
const KEPT = "matshot";

interface Kept {
  tool: string;
  values: Record<string, Parameters>;
  given: Given[];
}

class Page {
  private readonly banner = element("p", { class: "banner", role: "status", hidden: true });
  private readonly spoken = element("p", { class: "hidden", "aria-live": "polite" });
  private readonly refused = element("p", { class: "wrong", role: "alert" });
  private readonly form = element("div", {});
  private readonly help = element("p", { class: "help" });
  private readonly start = element("button", { type: "submit", class: "primary" }, "Start");
  private readonly inputs: Inputs;
  private readonly stage: Stage;
  private readonly listing: Listing;
  private readonly values: Record<string, Parameters>;
  private tool: Tool;
  private shownForm!: Form;
  private jobs: Job[] = [];
  private more = false;
  private older = false;
  private chosen = "";
  private spokenAt = 0;
  private timer = 0;
  private unfollow = (): void => {};

  constructor(private readonly table: api.ToolTable) {
    const kept = remembered();
    this.values = kept.values;
    this.tool = table.tools.find((tool) => tool.name === kept.tool) ?? table.tools.find((tool) => tool.name === "oneshot") ?? table.tools[0]!;
    this.inputs = new Inputs(table.accepts, table.limits.upload_bytes ?? Infinity, {
      changed: () => {
        this.refused.textContent = "";
        this.keep();
      },
      several: (count) => this.several(count),
      refused: (sentence) => (this.refused.textContent = sentence),
    });
    this.stage = new Stage({
      cancel: (job) => void this.doing(async () => this.took(await api.cancel(job.id))),
      again: (job) => void this.doing(() => this.again(job)),
      remove: (job) => void this.doing(() => this.remove(job)),
      failed: (sentence) => this.say(sentence),
    });
    this.listing = new Listing(
      (job) => this.choose(job.id, true),
      () => void this.doing(() => this.loadOlder()),
    );
    this.build();
    this.use(this.tool);
    if (kept.given.length > 0) void this.inputs.restore(kept.given);
    this.listen();
    void this.look();
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
          element("input", { type: "radio", name: "tool", value: tool.name, onchange: () => this.use(tool) }),
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
        this.refused,
        element(
          "div",
          { class: "actions" },
          element("button", { type: "button", class: "quiet", onclick: () => this.shownForm.reset() }, "Defaults"),
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
      ),
      element("main", {}, make, this.stage.element, this.listing.element),
      this.spoken,
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
      if (!document.hidden) void this.look();
    });
    window.addEventListener("hashchange", () => this.choose(chosenInAddress(), true));
  }

  private use(tool: Tool): void {
    this.tool = tool;
    for (const radio of document.querySelectorAll<HTMLInputElement>("input[name=tool]")) {
      radio.checked = radio.value === tool.name;
    }
    this.help.textContent = tool.help;
    this.shownForm = new Form(tool, this.values[tool.name] ?? {}, () => {
      this.values[tool.name] = this.shownForm.parameters;
      this.keep();
    });
    fill(this.form, this.shownForm.element);
    this.inputs.use(tool);
    this.refused.textContent = "";
    this.keep();
  }

  /** More photographs than the tool takes: the tool that takes so many is meant. */
  private several(count: number): void {
    const photos = (tool: Tool): boolean => tool.inputs.every((input) => input.kind === "photo");
    const fitting = this.table.tools.find((tool) => photos(tool) && tool.inputs.length === count);
    if (fitting && photos(this.tool)) this.use(fitting);
  }

  private async begin(): Promise<void> {
    if (this.start.disabled) return;
    this.refused.textContent = "";
    this.start.disabled = true;
    try {
      const inputs = await this.inputs.ready();
      const parameters = this.shownForm.parameters;
      const job = await api.start({ tool: this.tool.name, inputs, parameters });
      this.took(job);
      this.choose(job.id);
      this.stage.element.scrollIntoView({ block: "nearest" });
      this.spoken.textContent = `${job.title} has started.`;
    } catch (error) {
      this.refused.textContent = sentence(error);
    }
    this.start.disabled = false;
    if (document.activeElement === document.body) this.start.focus();
    void this.look();
  }

  private async again(job: Job): Promise<void> {
    const tool = this.table.tools.find((one) => one.name === job.tool);
    if (!tool) return;
    this.values[tool.name] = { ...job.parameters };
    this.use(tool);
    await this.inputs.restore(job.inputs.map(({ asset, name }) => ({ id: asset, name })));
    document.querySelector<HTMLInputElement>("input[name=tool]:checked")?.focus();
  }

  private async remove(job: Job): Promise<void> {
    await api.remove(job.id);
    this.jobs = this.jobs.filter((one) => one.id !== job.id);
    const next = this.jobs[0];
    if (next) this.choose(next.id, true);
    else this.choose("", true);
  }

  /** Look at a job; focus goes with it when the artist asked for it. */
  private choose(id: string, asked = false): void {
    const changed = id !== this.chosen;
    this.chosen = id;
    if (id !== chosenInAddress()) history.replaceState(null, "", id ? `#job=${id}` : location.pathname + location.search);
    this.draw();
    if (changed) this.follow();
    if (asked) document.querySelector<HTMLElement>("#stage-title")?.focus({ preventScroll: false });
  }

  private follow(): void {
    this.unfollow();
    this.unfollow = () => {};
    this.spokenAt = 0;
    const { chosen } = this;
    const job = this.jobs.find((one) => one.id === chosen);
    if (!job || ended(job)) return;
    const change = (what: (now: Job) => Partial<Job>): void => {
      const now = this.jobs.find((one) => one.id === chosen);
      if (now && !ended(now)) this.took({ ...now, ...what(now) });
    };
    this.unfollow = api.follow(chosen, {
      state: (now) => this.took(now),
      progress: ({ fraction, stage }) => change(() => ({ fraction, stage })),
      preview: (preview) => change(() => ({ preview })),
      log: (entry) => change(({ log }) => ({ log: [...log, entry] })),
      connected: (well) => this.connected(well),
    });
  }

  /** A job as the service now tells it. */
  private took(job: Job): void {
    const place = this.jobs.findIndex((one) => one.id === job.id);
    const before = this.jobs[place];
    if (place < 0) this.jobs.unshift(job);
    else this.jobs[place] = job;
    if (job.id === this.chosen) this.speak(job, before);
    this.draw();
  }

  private speak(job: Job, before: Job | undefined): void {
    if (before && before.state !== job.state && ended(job)) {
      const told = { done: "is done", cancelled: "was cancelled", failed: "failed" }[job.state as "done" | "cancelled" | "failed"];
      this.spoken.textContent = `${job.title} of ${inputNames(job)} ${told}.`;
    } else if (job.state === "running" && job.fraction >= this.spokenAt + SPOKEN) {
      this.spokenAt = job.fraction;
      this.spoken.textContent = `${job.title}: ${Math.round(100 * job.fraction)} percent, ${job.stage}.`;
    }
  }

  private draw(): void {
    this.listing.show(this.jobs, this.chosen, this.more);
    const job = this.jobs.find((one) => one.id === this.chosen);
    if (job) this.stage.show(job);
    else this.stage.empty();
    const busy = job && !ended(job) ? `${Math.round(100 * job.fraction)} % ${job.title} · ` : "";
    document.title = `${busy}Matshot`;
  }

  /** Look at the list of jobs, and once more after a while. */
  private async look(): Promise<void> {
    clearTimeout(this.timer);
    try {
      const { jobs, more } = await api.jobs();
      const fresh = new Set(jobs.map((job) => job.id));
      const last = jobs.at(-1);
      // Older ones that were asked for stay; a newer one that is missing is gone.
      const stay = this.older && last ? this.jobs.filter((job) => !fresh.has(job.id) && job.created < last.created) : [];
      // A job that is followed is known better than its row.
      const followed = this.jobs.find((job) => job.id === this.chosen);
      this.jobs = [...jobs.map((job) => (followed?.id === job.id && !ended(job) && !ended(followed) ? followed : job)), ...stay];
      if (!this.older) this.more = more;
      this.connected(true);
      const wanted = chosenInAddress();
      if (wanted && !this.jobs.some((job) => job.id === wanted)) await this.fetchChosen(wanted);
      if (this.chosen !== wanted || (this.chosen && !this.jobs.some((job) => job.id === this.chosen))) {
        this.choose(this.jobs.some((job) => job.id === wanted) ? wanted : "");
      } else this.draw();
    } catch (error) {
      if (error instanceof Refusal && error.status === 0) this.connected(false);
      else this.say(sentence(error));
    }
    const busy = this.jobs.some((job) => !ended(job)) || !this.banner.hidden;
    this.timer = window.setTimeout(() => void this.look(), busy ? PACE.busy : PACE.idle);
  }

  /** A job that the address names, but that is not among the newest. */
  private async fetchChosen(id: string): Promise<void> {
    try {
      this.jobs.push(await api.job(id));
    } catch (error) {
      if (!(error instanceof Refusal) || error.status !== 404) throw error;
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

  private async doing(what: () => Promise<void>): Promise<void> {
    try {
      await what();
    } catch (error) {
      this.say(sentence(error));
    }
  }

  private connected(well: boolean): void {
    if (!well) this.say("The service cannot be reached; trying again.", true);
    else if (this.banner.dataset.lost) this.say("");
  }

  private say(text: string, lost = false): void {
    this.banner.textContent = text;
    this.banner.hidden = text === "";
    if (lost) this.banner.dataset.lost = "true";
    else delete this.banner.dataset.lost;
  }

  private keep(): void {
    const kept: Kept = { tool: this.tool.name, values: this.values, given: this.inputs.kept };
    sessionStorage.setItem(KEPT, JSON.stringify(kept));
  }
}

const chosenInAddress = (): string => /^#job=([0-9a-f]+)$/.exec(location.hash)?.[1] ?? "";

const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function remembered(): Kept {
  const nothing: Kept = { tool: "", values: {}, given: [] };
  try {
    return { ...nothing, ...(JSON.parse(sessionStorage.getItem(KEPT) ?? "{}") as Partial<Kept>) };
  } catch {
    return nothing;
  }
}

async function open(): Promise<void> {
  api.onTokenWanted(askForToken);
  try {
    new Page(await api.tools());
  } catch (error) {
    const retry = element("button", { type: "button", onclick: () => void open() }, "Try again");
    fill(document.body, element("main", { class: "panel empty" }, element("p", { role: "alert" }, sentence(error)), retry));
  }
}

void open();
