import type { YtdlpPolicy, YtdlpRole } from "../../schema/wire/ytdlp-versions.ts";
import type { YtdlpTool } from "./discover.ts";
import { ExtractorPool, type PoolOptions } from "./extractor.ts";

/** One of the versions of yt-dlp that a processor has, kept warm. */
export interface ExtractorVersion {
  readonly role: YtdlpRole;
  readonly version: string;
  readonly channel: string;
  readonly pool: ExtractorPool;
}

/**
 * The version of yt-dlp that the operator installed, and a newer one next to it, if there is one. Without one there is no
 * second process.
 */
export class ExtractorVersions {
  readonly pinned: ExtractorVersion;
  readonly #options: PoolOptions;
  #candidate: ExtractorVersion | null = null;
  #isClosed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.pinned = this.#version("pinned", options.tools.ytdlp);
  }

  /** Null: there is none. */
  get candidate(): ExtractorVersion | null {
    return this.#candidate;
  }

  /**
   * Uses a newer version next to the pinned one once it is warm, in place of a former candidate, whose tasks are finished.
   *
   * @throws Fault if it cannot be started; then nothing changes
   */
  async offer(tool: YtdlpTool): Promise<void> {
    const offered = this.#version("candidate", tool);
    try {
      await offered.pool.ready();
    } catch (error) {
      await offered.pool.close();
      throw error;
    }
    if (this.#isClosed) return offered.pool.close();
    this.#candidate?.pool.retire();
    this.#candidate = offered;
  }

  /** The versions in the order in which a run tries them. */
  orderFor(policy: YtdlpPolicy | undefined): readonly [ExtractorVersion, ...ExtractorVersion[]] {
    const candidate = this.#candidate;
    if (candidate === null) return [this.pinned];
    const { version } = candidate;
    const isDecided = policy?.first.includes(version) || policy?.last.includes(version);
    const isFirst = policy?.first.includes(version) || (policy?.canary === true && !isDecided);
    return isFirst ? [candidate, this.pinned] : [this.pinned, candidate];
  }

  /** Ends all processes. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([this.pinned.pool.close(), this.#candidate?.pool.close()]);
  }

  #version(role: YtdlpRole, ytdlp: YtdlpTool): ExtractorVersion {
    const pool = new ExtractorPool({ ...this.#options, tools: { ...this.#options.tools, ytdlp } });
    return { role, version: ytdlp.version, channel: ytdlp.channel, pool };
  }
}
