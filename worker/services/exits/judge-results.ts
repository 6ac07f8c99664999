import { ADDRESS_REFUSALS, JOB_ERRORS, type JobErrorCode } from "../../../schema/errors.ts";
import { type ExitResult, SERVED, UNREACHABLE } from "../../../schema/exits.ts";

/** What a run says about one of the exits that it used. */
export interface Verdict {
  readonly exit: string;
  /** True: only the media was fetched directly. */
  readonly media: boolean;
  readonly type: "served" | "refused";
  readonly reason: JobErrorCode | typeof UNREACHABLE | null;
  /** The exit is only one of the possible causes. */
  readonly isSoft: boolean;
}

/** Refusals that may be about the address, and may be about the media. */
const AMBIGUOUS: ReadonlySet<string> = new Set(["forbidden", "geo_blocked"]);

/**
 * What a run's results mean for its exits. A robot check or a rate limit is about the address. A 403 or a refused country
 * counts against an exit only if another one was served in the same run: otherwise it is the media that nobody gets. A
 * statement about the media (private, removed) shows that the site answers.
 *
 * @param isShared true for exits with many addresses behind one name: a refusal is about one of them
 */
export function judgeResults(
  results: readonly ExitResult[],
  isShared: (exit: string) => boolean = () => false,
): readonly Verdict[] {
  const wasServed = results.some(({ result, media }) => !media && meansServed(result));
  return results.flatMap(({ exit, result, media }): Verdict[] => {
    const reason = result as JobErrorCode;
    if (meansServed(result)) return [{ exit, media, type: "served", reason: null, isSoft: false }];
    if (result === UNREACHABLE) return [{ exit, media, type: "refused", reason: UNREACHABLE, isSoft: false }];
    if (ADDRESS_REFUSALS.includes(reason)) {
      return [{ exit, media, type: "refused", reason, isSoft: isShared(exit) }];
    }
    // media that is refused directly and served through the exit is tied to the exit's address
    if (media && wasServed) return [{ exit, media, type: "refused", reason, isSoft: false }];
    if (!media && AMBIGUOUS.has(result) && wasServed) {
      return [{ exit, media, type: "refused", reason, isSoft: true }];
    }
    return [];
  });
}

function meansServed(result: string): boolean {
  if (result === SERVED) return true;
  const row = JOB_ERRORS[result as JobErrorCode];
  return row?.outcome === "Warning" && !AMBIGUOUS.has(result);
}
