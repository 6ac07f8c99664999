import type { ProcessorConfig } from "../../config.ts";
import type { Log } from "../../log.ts";
import { findCandidate, type YtdlpTool } from "../discover.ts";
import type { ExtractorVersions } from "../extractor-versions.ts";
import { fetchUpdate, findUpdate, removeOldUpdates } from "./fetch-update.ts";

/** Time between two looks at the index, in milliseconds. */
const EVERY_MS = 12 * 60 * 60_000;

export interface CandidateParts {
  readonly config: Pick<
    ProcessorConfig,
    "ytdlpCandidatePath" | "ytdlpAutoUpdate" | "ytdlpUpdateDir" | "packageIndex" | "searchPath"
  >;
  readonly pinned: YtdlpTool;
  readonly versions: Pick<ExtractorVersions, "offer" | "candidate">;
  readonly log: Log;
}

/**
 * Brings a newer yt-dlp next to the pinned one, where the operator allows it. If that fails, the pinned one works on; the failure
 * is for the operator.
 */
export class Candidates {
  /** Resolves when the version that is there at the start is in use, and the newest was looked for; never rejects. */
  readonly settled: Promise<void>;
  readonly #parts: CandidateParts;
  readonly #closing = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;
  #failure: string | null = null;

  constructor(parts: CandidateParts) {
    this.#parts = parts;
    const { ytdlpCandidatePath: path, ytdlpAutoUpdate } = parts.config;
    if (path !== undefined) {
      this.settled = this.#try(async () => this.#offer(await findCandidate(path, parts.config)));
    } else if (ytdlpAutoUpdate) {
      this.settled = this.#try(() => this.#begin());
      this.#timer = setInterval(() => void this.#try(() => this.#lookForNewer()), EVERY_MS).unref();
    } else {
      this.settled = Promise.resolve();
    }
  }

  /** Why there is no candidate, or not the newest; null if nothing is wrong. */
  get failure(): string | null {
    return this.#failure;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#closing.abort();
  }

  async #begin(): Promise<void> {
    const kept = await findUpdate({ ...this.#parts, signal: this.#closing.signal });
    if (kept) await this.#offer(kept);
    await this.#lookForNewer();
  }

  async #lookForNewer(): Promise<void> {
    const { pinned, versions } = this.#parts;
    const known = versions.candidate?.version ?? pinned.version;
    const parts = { ...this.#parts, signal: this.#closing.signal };
    const found = await fetchUpdate(parts, known);
    if (found) {
      await this.#offer(found);
      await removeOldUpdates(parts, found.version);
    }
  }

  async #offer(tool: YtdlpTool): Promise<void> {
    const { pinned, versions, log } = this.#parts;
    if (tool.version === pinned.version) {
      throw new Error(`${tool.path} is ${tool.version}, as the pinned one is: there is nothing to try`);
    }
    await versions.offer(tool);
    log("ytdlp_candidate", { version: tool.version, pinned: pinned.version });
  }

  async #try(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#failure = null;
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      this.#failure = error instanceof Error ? error.message : String(error);
      this.#parts.log("ytdlp_candidate_failed", { detail: this.#failure });
    }
  }
}
