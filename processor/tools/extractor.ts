import { mkdirSync, mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { parseRetryAfter } from "../../schema/retry-after.ts";
import type { EgressProxy } from "../egress/proxy.ts";
import { Fault, ServiceFault } from "../fault.ts";
import type { Tools } from "./discover.ts";
import { portOf, wholeAccess } from "./sandbox.ts";
import { classifyExtraction, type ExtractionFailure, suspicionOf } from "./tool-errors.ts";
import {
  type Confinement,
  type ListPart,
  type TaskEnd,
  type TaskListener,
  type TaskProgress,
  type WarmQuestion,
  type WarmTask,
  WarmYtdlp,
} from "./warm-ytdlp.ts";
import type { YtdlpFormat, YtdlpInfo } from "./ytdlp-info.ts";
import {
  commonParams,
  EXTRACT_PARAMS,
  type ExtractionConfig,
  LIST_PARAMS,
  potProviderFor,
  type YtdlpParams,
} from "./ytdlp-params.ts";

/** One item, or a list of which only the first entries were looked at. */
export type Extraction =
  | {
      readonly kind: "video";
      readonly info: YtdlpInfo;
      /**
       * What the selector chose: one format, or video and audio. Empty for a stream that has not started
       * (`info.live_status` is `is_upcoming`) and when no format fits the selector.
       */
      readonly requested: readonly YtdlpFormat[];
      readonly warnings: readonly string[];
    }
  | {
      readonly kind: "playlist";
      readonly info: YtdlpInfo;
      /** `playlist`, `multi_video` … */
      readonly type: string;
      readonly entries: readonly YtdlpInfo[];
      readonly warnings: readonly string[];
    };

/** The cookies of a task. */
export interface TaskSession {
  /** In Netscape's format; null for none. */
  readonly text: string | null;
  /** Receives them as they are after the task. */
  learn(text: string): void;
  /** Name of the exit that the task uses; null if it has none. */
  readonly exit: string | null;
}

export interface TaskOptions {
  /** Parameters of yt-dlp that differ from the usual ones. */
  readonly options?: YtdlpParams;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs: number;
  /** Default: no cookies. */
  readonly session?: TaskSession | undefined;
  /** The run's own proxy; without it, the pool's. Its refusals distinguish `egress_blocked` from a site's 403. */
  readonly proxy?:
    | (Pick<EgressProxy, "url" | "blocked"> & Partial<Pick<EgressProxy, "unknownHosts">>)
    | undefined;
}

export interface ExtractOptions extends TaskOptions {
  readonly url: string;
}

/** Of a question, which is answered without the source. */
export interface QuestionOptions {
  /** As of the extraction that it saves. */
  readonly options: YtdlpParams;
  readonly session: TaskSession;
  readonly proxy: TaskOptions["proxy"];
  readonly signal: AbortSignal;
}

/** What yt-dlp says of an address. */
export interface AddressFacts {
  /** Key of the extractor that is responsible for it; null if that is not known. @example "Generic" */
  readonly extractor: string | null;
  /** What yt-dlp would send with each request. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A response that a source gave to us. */
export interface GivenResponse {
  /** The address that was asked for. */
  readonly url: string;
  /** Where the response came from after redirects; null for `url` itself. */
  readonly redirected: string | null;
  readonly headers: Readonly<Record<string, string>>;
  /** The first bytes of its body, as many as yt-dlp inspects. */
  readonly head: Buffer;
}

export interface PoolOptions {
  readonly tools: Pick<Tools, "ytdlp" | "node" | "sandbox">;
  readonly proxy: Pick<EgressProxy, "url" | "blocked"> & Partial<Pick<EgressProxy, "unknownHosts">>;
  readonly config: ExtractionConfig;
  /** Tasks after which a warm parent is replaced by a fresh one. */
  readonly maxUses?: number;
}

const NO_ACCESS = { read: [], write: [], ports: [] } as const;
const MAX_USES = 1000;
/** A question is answered in milliseconds, unless many were asked at once; an extraction can do without the answer. */
const QUESTION_MS = 2_000;
const MAX_PARENT_RSS_BYTES = 512 * 2 ** 20;
/** Share of its uses or memory after which a parent's successor is prepared. */
const NEARLY = 0.9;

/**
 * yt-dlp without its start-up time: one warm parent, one forked process for each task, so that tasks share nothing and
 * cannot harm each other. A parent that dies is replaced at once; one that grows old or large has a successor that is
 * warm by then, and finishes its tasks meanwhile.
 */
export class ExtractorPool {
  readonly #options: PoolOptions;
  #warm: WarmYtdlp | undefined;
  #successor: WarmYtdlp | undefined;
  readonly #retired = new Set<WarmYtdlp>();
  #isClosed = false;
  #failure: string | null = null;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Starts the parent if necessary and waits until it is warm. Throws a Fault `internal` when it cannot. */
  async ready(): Promise<void> {
    await this.#parent().ready;
  }

  /** Why the last parent could not start; null when it did, or is about to. A dead one is started again by asking. */
  get failure(): string | null {
    if (!this.#isClosed) this.#parent();
    return this.#failure;
  }

  /** Of yt-dlp. */
  get version(): string {
    return this.#options.tools.ytdlp.version;
  }

  /** Process id of the warm parent, once there is one. */
  get pid(): number | undefined {
    return this.#warm?.pid;
  }

  /**
   * Asks yt-dlp what a URL leads to, without downloading.
   *
   * @throws Fault by {@link classifyExtraction}; `timeout` after `timeoutMs`; or the signal's reason
   * @example pool.extract({ url, options: { format: "bv*+ba/b" }, timeoutMs: 60_000 })
   */
  async extract(request: ExtractOptions): Promise<Extraction> {
    const { params, cookies } = this.#paramsOf(EXTRACT_PARAMS, request);
    const response = await this.#run({ kind: "extract", url: request.url, params, cookies }, request);
    return extractionOf(response);
  }

  /**
   * Asks yt-dlp which of its extractors is responsible for an address, without asking the address.
   *
   * @returns null if it does not say in time, or if the operator's arguments change how it asks any address
   */
  async addressOf(url: string, request: QuestionOptions): Promise<AddressFacts | null> {
    if (this.#options.config.ytdlpExtractorArgs.generic !== undefined) return null;
    const answer = await this.#ask({ kind: "address", url }, request);
    return (
      answer && { extractor: text(answer.extractor), headers: answer.headers as AddressFacts["headers"] }
    );
  }

  /**
   * Asks yt-dlp what its generic extractor makes of a response that we got: the same as if it had asked for it itself.
   *
   * @returns null if it needs more than this response, or does not say in time
   */
  async describeResponse(
    { url, redirected, headers, head }: GivenResponse,
    request: QuestionOptions,
  ): Promise<Extraction | null> {
    const given = { url, redirected, headers, head: head.toString("base64") };
    const answer = await this.#ask({ kind: "direct", ...given }, request);
    return answer && extractionOf(answer);
  }

  /**
   * Chooses formats of an earlier extraction with another selector, without asking the source again.
   *
   * @throws as {@link extract}
   */
  async select(info: YtdlpInfo, request: TaskOptions): Promise<Extract<Extraction, { kind: "video" }>> {
    const { params, cookies } = this.#paramsOf(EXTRACT_PARAMS, request);
    const response = await this.#run({ kind: "select", info, params, cookies }, request);
    const formats = inOrder(info.formats ?? [], response.order as readonly string[]);
    return {
      kind: "video",
      info: { ...info, formats },
      requested: response.requested as YtdlpFormat[],
      warnings: [],
    };
  }

  /**
   * Lets yt-dlp download what an earlier extraction found, into the folder in `options`.
   *
   * @returns the paths of the files, at least one
   * @throws as {@link extract}
   */
  async download(
    info: YtdlpInfo,
    request: TaskOptions,
    onProgress?: (progress: TaskProgress) => void,
  ): Promise<readonly string[]> {
    const { params, cookies } = this.#paramsOf({}, request);
    const response = await this.#run({ kind: "download", info, params, cookies }, request, { onProgress });
    return response.paths as string[];
  }

  /**
   * Reports the entries of a list as the source names them, without looking at any of them. A single item is a list of
   * one.
   *
   * @param maxEntries stops after this many, whatever follows
   * @param skip entries at the beginning that are left out
   * @throws as {@link extract}, also after entries were reported: then the list is incomplete
   */
  async list(
    request: ExtractOptions & { readonly maxEntries: number; readonly skip: number },
    onPart: (part: ListPart) => void,
  ): Promise<void> {
    const { params, cookies } = this.#paramsOf(LIST_PARAMS, request);
    const { url, maxEntries: limit, skip } = request;
    await this.#run({ kind: "list", url, limit, skip, params, cookies }, request, { onPart });
  }

  /** Accepts no more tasks, and ends when the unfinished ones are over. */
  retire(): void {
    this.#isClosed = true;
    for (const parent of [this.#warm, this.#successor]) if (parent) this.#retire(parent);
  }

  /** Ends every parent and every task. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const parents = [...this.#retired, this.#warm, this.#successor];
    await Promise.all(parents.map((parent) => parent?.close()));
  }

  #paramsOf(kind: YtdlpParams, request: TaskOptions): { params: YtdlpParams; cookies: string | null } {
    const { tools, config } = this.#options;
    const proxy = request.proxy ?? this.#options.proxy;
    const params = {
      ...commonParams(tools, config, proxy.url, request.session?.exit),
      ...kind,
      ...request.options,
    };
    return { params, cookies: request.session?.text ?? null };
  }

  async #ask(
    question: Omitted<WarmQuestion>,
    { signal, ...request }: QuestionOptions,
  ): Promise<Readonly<Record<string, unknown>> | null> {
    signal.throwIfAborted();
    const warm = this.#parent();
    await warm.ready;
    const { params } = this.#paramsOf(EXTRACT_PARAMS, { ...request, timeoutMs: QUESTION_MS });
    const confinement = this.#confine({ kind: question.kind, params }, null, null);
    const { ended, cancel } = warm.ask({ ...question, params, ...confinement } as WarmQuestion & Confinement);
    const late = setTimeout(cancel, QUESTION_MS);
    signal.addEventListener("abort", cancel, { once: true });
    const end = await ended;
    clearTimeout(late);
    signal.removeEventListener("abort", cancel);
    signal.throwIfAborted();
    return end.type === "answer" ? end.response : null;
  }

  async #run(
    task: WarmTask,
    { signal, timeoutMs, session, proxy = this.#options.proxy }: TaskOptions,
    listener?: TaskListener,
  ): Promise<Readonly<Record<string, unknown>>> {
    signal?.throwIfAborted();
    const warm = this.#parent();
    await warm.ready;
    signal?.throwIfAborted();
    const refusals = proxy.blocked().length;
    const unknownBefore = proxy.unknownHosts?.().length;
    const { ended, cancel } = warm.run(
      { ...task, ...this.#confine(task, proxy.url, session?.exit ?? null) },
      listener,
    );
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      cancel();
    }, timeoutMs);
    signal?.addEventListener("abort", cancel, { once: true });
    const end = await ended;
    clearTimeout(timer);
    signal?.removeEventListener("abort", cancel);
    signal?.throwIfAborted();
    if (isLate) {
      const detail = `yt-dlp took longer than ${timeoutMs} ms`;
      throw new ServiceFault("timeout", detail, { suspicion: "possible" });
    }
    const response = responseOf(end, {
      wasRefused: proxy.blocked(refusals).length > 0,
      unknownHost: proxy.unknownHosts?.(unknownBefore)[0],
    });
    if (typeof response.jar === "string") session?.learn(response.jar);
    return response;
  }

  /**
   * What a task needs: its interpreter and its JavaScript runtime, the proxy, and for a download the folder.
   *
   * @param proxyUrl null for no network at all
   */
  #confine(
    { kind, params }: { readonly kind: string; readonly params: object },
    proxyUrl: string | null,
    exit: string | null,
  ): Confinement {
    const { config, tools } = this.#options;
    const { files, limits: canLimit } = tools.sandbox.isolation;
    const { paths, cookiefile } = params as { paths?: { home?: string }; cookiefile?: string };
    const urls = proxyUrl === null ? [] : [proxyUrl, potProviderFor(config, exit)];
    const ports = urls.flatMap((url) => (url ? [portOf(url)] : []));
    const write = [paths?.home, cookiefile].filter((path) => path !== undefined);
    const read = [...wholeAccess(tools.node.path, NO_ACCESS).read, tools.ytdlp.pythonPath ?? ""];
    return {
      limits: {
        memory: canLimit ? config.ytdlpMemoryBytes : null,
        cpu: canLimit && kind !== "download" ? config.ytdlpCpuSeconds : null,
        page: config.ytdlpPageBytes,
      },
      access: files ? { read, write: [...wholeAccess("", NO_ACCESS).write, ...write], ports } : null,
    };
  }

  #parent(): WarmYtdlp {
    if (this.#isClosed) throw new ServiceFault("internal", "the extractor pool is closed");
    const wear = this.#warm?.isAlive ? this.#wearOf(this.#warm) : 1;
    if (this.#warm && wear < 1) {
      if (wear >= NEARLY || this.#warm.uses + 1 === this.#maxUses) this.#successor ??= this.#start();
      return this.#warm;
    }
    if (this.#warm?.isAlive) this.#retire(this.#warm);
    this.#warm = this.#successor?.isAlive ? this.#successor : this.#start();
    this.#successor = undefined;
    return this.#warm;
  }

  get #maxUses(): number {
    return this.#options.maxUses ?? MAX_USES;
  }

  /** 1 when a parent may take no more tasks. */
  #wearOf(warm: WarmYtdlp): number {
    return Math.max(warm.uses / this.#maxUses, warm.peakRssBytes / MAX_PARENT_RSS_BYTES);
  }

  #retire(warm: WarmYtdlp): void {
    this.#retired.add(warm);
    void warm.gone.then(() => this.#retired.delete(warm));
    warm.retire();
  }

  #start(): WarmYtdlp {
    const { tools, config } = this.#options;
    const root = join(config.workDir, "extractor");
    mkdirSync(root, { recursive: true });
    // a separate folder: what killed tasks leave behind is removed with it
    const cwd = mkdtempSync(join(root, "parent-"));
    const warm = new WarmYtdlp({ tools, cwd, loadPlugins: hasPotProvider(config) });
    void warm.gone.then(() => rm(cwd, { recursive: true, force: true })).catch(() => {});
    // a parent that was never ready would fail the next time, too: the next task reports why
    const replace = () => {
      if (this.#warm === warm && !this.#isClosed) this.#parent();
    };
    warm.ready.then(
      () => {
        this.#failure = null;
        return warm.gone.then(replace);
      },
      (error: unknown) => {
        this.#failure = String(error);
      },
    );
    return warm;
  }
}

type Omitted<T> = T extends unknown ? Omit<T, "params"> : never;

const text = (value: unknown): string | null => (typeof value === "string" ? value : null);

const hasPotProvider = ({ ytdlpPotProviderUrl, ytdlpPotProvidersByExit }: ExtractionConfig): boolean =>
  ytdlpPotProviderUrl !== undefined || ytdlpPotProvidersByExit.size > 0;

/** The formats as the last selector sorted them; those that it did not use are left out. */
function inOrder(formats: readonly YtdlpFormat[], order: readonly string[]): YtdlpFormat[] {
  const byId = new Map(formats.map((format) => [format.format_id, format]));
  return order.flatMap((id) => byId.get(id) ?? []);
}

/** What the proxy knows about the connections of a task. */
interface Connections {
  /** One of them was refused. */
  readonly wasRefused: boolean;
  /** The host of one of them, which does not exist. */
  readonly unknownHost: string | undefined;
}

function responseOf(
  end: TaskEnd,
  { wasRefused, unknownHost }: Connections,
): Readonly<Record<string, unknown>> {
  if (end.type === "answer") return end.response;
  if (end.type === "gone") {
    if (end.outOfTime) {
      throw new ServiceFault("timeout", "yt-dlp used up its processor time", { suspicion: "possible" });
    }
    throw new ServiceFault("internal", "yt-dlp died without a response", { suspicion: "likely" });
  }
  const { failure } = end;
  const retryAfterMs = parseRetryAfter(failure.retryAfter ?? undefined, Date.now());
  const code = wasRefused ? "egress_blocked" : classifyExtraction(failure);
  throw Fault.of(code, detailOf(failure), {
    ...{ retryAfterMs, suspicion: suspicionOf(failure, code) },
    ...(unknownHost === undefined ? {} : { transient: false, unknownHost: true, subject: unknownHost }),
  });
}

function detailOf(failure: ExtractionFailure): string {
  const countries = failure.countries?.length ? ` (available in ${failure.countries.join(", ")})` : "";
  return `${failure.type}: ${failure.message}${countries}`;
}

function extractionOf(response: Readonly<Record<string, unknown>>): Extraction {
  const info = response.info as YtdlpInfo;
  const warnings = (response.warnings ?? []) as string[];
  const type = info._type ?? "video";
  if (type !== "video") return { kind: "playlist", type, info, entries: info.entries ?? [], warnings };
  return { kind: "video", info, requested: (response.requested ?? []) as YtdlpFormat[], warnings };
}
