import { JOB_ERRORS } from "../../schema/errors.ts";
import { SERVED } from "../../schema/exits.ts";
import type { YtdlpPolicy } from "../../schema/wire/ytdlp-versions.ts";
import { Fault } from "../fault.ts";
import type { ExtractorVersion, ExtractorVersions } from "./extractor-versions.ts";

/** A version that a run tried. */
export interface VersionTry extends Pick<ExtractorVersion, "role" | "version" | "channel"> {
  /** See `YtdlpReport`; null: the try says nothing about the version. */
  result: string | null;
}

interface Trying {
  readonly versions: ExtractorVersions;
  readonly policy: YtdlpPolicy | undefined;
  /** Gets each try. */
  readonly tries: VersionTry[];
  /** Once it is aborted, a failure is final. */
  readonly signal: AbortSignal;
  /** True for failures after which another extraction is worth a try, by the same version if there is no other. */
  readonly isWorthAnother?: (fault: Fault) => boolean;
  /** What was learnt by a version that failed is dropped. */
  readonly forget: () => void;
}

/**
 * Does something with the version of yt-dlp that comes first, and again with the other one if the failure may be the
 * version's own fault.
 *
 * @throws if both fail, the failure that says more: one that is not the version's fault, else that of the pinned version
 */
export async function throughVersions<T>(
  { versions, policy, tries, signal, isWorthAnother = () => false, forget }: Trying,
  work: (version: ExtractorVersion) => Promise<T>,
): Promise<T> {
  const [first, second] = versions.orderFor(policy);
  const begin = ({ role, version, channel }: ExtractorVersion): VersionTry => {
    const begun: VersionTry = { role, version, channel, result: null };
    tries.push(begun);
    return begun;
  };
  const tried = begin(first);
  let failure: Fault;
  try {
    const done = await work(first);
    tried.result = SERVED;
    return done;
  } catch (error) {
    if (signal.aborted || !(error instanceof Fault)) throw error;
    const isSuspect = error.suspicion !== undefined && second !== undefined;
    if (!isSuspect && !isWorthAnother(error)) throw error;
    failure = error;
  }
  forget();
  const again = begin(second ?? first);
  try {
    const done = await work(second ?? first);
    [tried.result, again.result] = [failure.code, SERVED];
    return done;
  } catch (error) {
    if (signal.aborted || !(error instanceof Fault) || second === undefined) throw error;
    const isLikely = failure.suspicion === "likely";
    // the other one understands what the source says: it works
    const isUnderstood = error.suspicion === undefined && JOB_ERRORS[error.code].outcome === "Warning";
    if (isLikely && isUnderstood) [tried.result, again.result] = [failure.code, SERVED];
    if (isLikely && error.suspicion === "likely") [tried.result, again.result] = [failure.code, error.code];
    if (error.suspicion === undefined || second.role === "pinned") throw error;
    throw failure;
  }
}
