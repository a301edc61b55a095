/** The service's HTTP API: routes, types and errors. */

export interface Limits {
  upload_bytes?: number;
  pixels?: number;
}

export interface Property {
  type: "string" | "integer" | "number" | "boolean" | "array";
  title: string;
  description: string;
  default: Value;
  enum?: (string | number)[];
  minimum?: number;
  maximum?: number;
  items?: { type: "integer" | "number" };
  minItems?: number;
  maxItems?: number;
  "x-advanced"?: boolean;
  "x-labels"?: string[];
  "x-unit"?: string;
  "x-placeholder"?: string;
  /** What a file holds whose asset the value names: an image, a mask or an asset; absent for other texts. */
  "x-file"?: string;
}

/** The help of a parameter for people, to whom the page shows files instead of their ids. */
export const helpOf = ({ description }: Property): string => description.replace(/ The id of an asset\.$/, "");

export type Value = string | number | boolean | number[];
export type Parameters = Record<string, Value>;

export interface ToolInput {
  name: string;
  title: string;
  help: string;
  kind: "photo" | "material" | "asset";
  several: boolean;
}

export interface Tool {
  name: string;
  title: string;
  help: string;
  result: "material" | "same" | "picture";
  inputs: ToolInput[];
  parameters: { properties: Record<string, Property> };
}

export interface ToolTable {
  version: string;
  limits: Limits;
  accepts: string[];
  tools: Tool[];
}

export interface StoredFile {
  name: string;
  map: string;
  width: number;
  height: number;
  bytes: number;
  media_type: string;
  href: string;
}

export interface Asset {
  id: string;
  kind: "image" | "material";
  name: string;
  width: number;
  height: number;
  bytes: number;
  files: StoredFile[];
  preview: string | null;
}

export interface Result {
  number: number;
  kind: "image" | "material";
  name: string;
  width: number;
  height: number;
  wrap: "none" | "x" | "y" | "xy";
  input: number | null;
  notes: string[];
  href: string;
  preview: string | null;
  files: StoredFile[];
}

export interface LogEntry {
  time: string;
  text: string;
}

export type JobState = "waiting" | "running" | "done" | "failed" | "cancelled";

export interface Job {
  id: string;
  tool: string;
  title: string;
  state: JobState;
  cancelling: boolean;
  fraction: number;
  stage: string;
  position: number;
  inputs: { asset: string; name: string }[];
  parameters: Parameters;
  created: string;
  started: string | null;
  ended: string | null;
  error: { sentence: string; cause?: string } | null;
  failures: string[];
  log: LogEntry[];
  preview: string | null;
  results: Result[];
  zip: string | null;
  /** When it expires with its results. */
  kept_until?: string | null;
  /** Seconds that it has run. */
  seconds?: number | null;
}

/** What the name of a file says: its map, empty for none, and the name that all maps of its material share. */
export interface MapName {
  name: string;
  map: string;
  base: string;
}

export const ended = (job: Job): boolean => !["waiting", "running"].includes(job.state);

/** An error response of the service; status 0 if it could not be reached. */
export class ServiceError extends Error {
  constructor(
    readonly sentence: string,
    readonly status: number,
    readonly cause_: string = "",
    readonly retryAfter: number = 0,
  ) {
    super(sentence);
  }
}

const UNREACHABLE = "Cannot reach the service.";

/** URL of a path in a response, which starts with a slash even below a proxy's prefix. */
export const address = (href: string): string => new URL(href.replace(/^\//, ""), document.baseURI).href;

/** URL of an upload's preview. */
export const picture = (asset: string): string => address(`v1/assets/${asset}/preview`);

/** URL of a file as an image that every browser can show, limited to a number of pixels per side. */
export const shown = (file: StoredFile, side: number): string => `${address(file.href)}?side=${side}`;

function serviceError(status: number, body: string, retryAfter: string | null): ServiceError {
  let parsed: { detail?: string; cause?: string } = {};
  try {
    parsed = JSON.parse(body) as typeof parsed;
  } catch {
    // An error page of a proxy.
  }
  const sentence = parsed.detail ?? `The service returned error ${status}.`;
  return new ServiceError(sentence, status, parsed.cause ?? "", Number(retryAfter) || 0);
}

/** Asks for a token when the service requires one; resolves once it is accepted. */
let askToken: (() => Promise<void>) | null = null;
export const onTokenWanted = (ask: () => Promise<void>): void => void (askToken = ask);

async function call(method: string, path: string, body?: unknown, headers: HeadersInit = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(address(path), {
      method,
      headers: body === undefined ? headers : { "Content-Type": "application/json", ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new ServiceError(UNREACHABLE, 0);
  }
  if (answer.ok) return answer;
  if (answer.status === 401 && askToken && path !== "v1/session") {
    await askToken();
    return call(method, path, body, headers);
  }
  throw serviceError(answer.status, await answer.text(), answer.headers.get("Retry-After"));
}

const json = async <T>(method: string, path: string, body?: unknown, headers?: HeadersInit): Promise<T> =>
  (await (await call(method, path, body, headers)).json()) as T;

export const tools = (): Promise<ToolTable> => json("GET", "v1/tools");
export const signIn = (token: string): Promise<unknown> => call("POST", "v1/session", { token });
export const asset = (id: string): Promise<Asset> => json("GET", `v1/assets/${id}`);
export const job = (id: string): Promise<Job> => json("GET", `v1/jobs/${id}`);
export const cancel = (id: string): Promise<Job> => json("POST", `v1/jobs/${id}/cancel`);
export const remove = (id: string): Promise<unknown> => call("DELETE", `v1/jobs/${id}`);
/** Delete a job while the page is being left. */
export const removeAtOnce = (id: string): void => void fetch(address(`v1/jobs/${id}`), { method: "DELETE", keepalive: true });
export const mapNames = (names: string[]): Promise<{ names: MapName[] }> => json("POST", "v1/map-names", { names });
export const description = (href: string): Promise<unknown> => json("GET", href);

export const jobs = (before = ""): Promise<{ jobs: Job[]; more: boolean }> =>
  json("GET", `v1/jobs?limit=50${before && `&before=${before}`}`);

/** An upload, or a result of a job that is done. */
export type JobInput = { asset: string; name: string } | { job: string; result: number };

/** Start a job. The key makes a retry after a lost response the same job. */
export async function start(
  request: { tool: string; inputs: JobInput[]; parameters: Parameters },
  key: string = identifier(),
): Promise<Job> {
  try {
    return await json("POST", "v1/jobs", request, { "Idempotency-Key": key });
  } catch (error) {
    if (!(error instanceof ServiceError) || error.status !== 0) throw error;
    return json("POST", "v1/jobs", request, { "Idempotency-Key": key });
  }
}

/** `crypto.randomUUID` exists on https and localhost only; a service in a studio's network may be neither. */
const identifier = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Upload an image, a zip, or the files of a material. XMLHttpRequest, since `fetch` reports no upload progress. */
export async function upload(
  files: File[],
  name: string,
  progress: (fraction: number) => void,
  signal: AbortSignal,
): Promise<Asset> {
  const [only] = files;
  let body: Blob | FormData = only!;
  if (files.length > 1) {
    body = new FormData();
    for (const file of files) body.append("file", file, file.name);
  }
  const request = new XMLHttpRequest();
  request.open("POST", address(`v1/assets?name=${encodeURIComponent(name)}`));
  if (files.length === 1) request.setRequestHeader("Content-Type", "application/octet-stream");
  request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
  signal.addEventListener("abort", () => request.abort());
  await new Promise<void>((resolve, reject) => {
    request.onload = () => resolve();
    request.onerror = () => reject(new ServiceError(UNREACHABLE, 0));
    request.onabort = () => reject(new DOMException("aborted", "AbortError"));
    request.send(body);
  });
  if (request.status === 401 && askToken) {
    await askToken();
    return upload(files, name, progress, signal);
  }
  if (request.status >= 300) throw serviceError(request.status, request.responseText, request.getResponseHeader("Retry-After"));
  return JSON.parse(request.responseText) as Asset;
}

export interface Listener {
  state(job: Job): void;
  progress(update: { fraction: number; stage: string }): void;
  preview(href: string): void;
  log(entry: LogEntry): void;
  /** Whether the stream of events is connected. */
  connected(connected: boolean): void;
}

/**
 * Follow a job until it ends. A broken stream is reopened: by the browser, or here where the browser gives up, as with
 * a service that restarts.
 */
export function follow(id: string, listener: Listener): () => void {
  let source: EventSource | null = null;
  let timer = 0;
  let pause = 1000;
  let closed = false;

  const close = (): void => {
    closed = true;
    source?.close();
    clearTimeout(timer);
  };
  const update = (job: Job): void => {
    if (ended(job)) close();
    listener.state(job);
  };
  const again = (): void => {
    source?.close();
    clearTimeout(timer);
    timer = window.setTimeout(async () => {
      try {
        const now = await job(id);
        if (closed) return;
        update(now);
        if (!closed) open();
      } catch (error) {
        if (closed) return;
        if (error instanceof ServiceError && error.status === 404) close();
        else again();
      }
    }, pause);
    pause = Math.min(pause * 1.6, 15000);
  };
  const open = (): void => {
    source = new EventSource(address(`v1/jobs/${id}/events`));
    const on = (type: string, take: (data: never) => void): void =>
      source!.addEventListener(type, (event) => !closed && take(JSON.parse((event as MessageEvent<string>).data) as never));
    source.onopen = () => {
      pause = 1000;
      listener.connected(true);
    };
    source.onerror = () => {
      if (closed) return;
      listener.connected(false);
      if (source!.readyState === EventSource.CLOSED) again();
    };
    on("state", update);
    on("progress", (data: { fraction: number; stage: string }) => listener.progress(data));
    on("preview", (data: { href: string }) => listener.preview(data.href));
    on("log", (data: LogEntry) => listener.log(data));
  };
  open();
  return close;
}
