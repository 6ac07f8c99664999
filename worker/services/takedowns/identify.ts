import { isShownWhole } from "../../../schema/shown-url.ts";
import type { RequestContext } from "../../context.ts";
import { type DenialRow, learnTerms, updateDenial } from "../../db/rights/denial-rows.ts";
import { ApiError } from "../../lib/api-error.ts";
import { describeError } from "../../lib/log.ts";
import { marksOfIdentity, termsOf } from "../rights/marks.ts";
import { probeSource } from "../sources/probe-source.ts";

/**
 * Asks the source of a denied address once what its media is called there, so that its other addresses are denied before
 * anybody fetches them. Without a response, they are recognised when a run reads the source.
 */

const MAX_TRIES = 3;
const AGAIN_MS = 5 * 60_000;
/** Nobody's cookies are used. */
const NOBODY = { accountId: "", cookies: "never" } as const;

interface Identified {
  /** The denial has further terms now. */
  readonly isLearned: boolean;
  /** When to ask again; null if that is not needed. */
  readonly again: number | null;
}
const NOTHING: Identified = { isLearned: false, again: null };

export async function identify(context: RequestContext, denial: DenialRow): Promise<Identified> {
  const { id, kind, value, identified_at, identify_tries: tries } = denial;
  if (kind !== "url" || identified_at !== null || tries >= MAX_TRIES || !isShownWhole(value)) return NOTHING;
  try {
    const { identity } = await probeSource(context, NOBODY, { kind: "metadata", url: value });
    const marks = await marksOfIdentity(identity);
    const page = identity?.urls[0];
    const address = (page && (await termsOf("url", page))) || [];
    const terms = [...marks.filter((mark) => mark.startsWith("media ")), ...address];
    await learnTerms(context.db, id, terms, context.clock());
    return { isLearned: true, again: null };
  } catch (error) {
    const isFinal = error instanceof ApiError && error.code === "invalid_request";
    context.log("denial_not_identified", { denial_id: id, error: describeError(error) });
    const next = isFinal ? MAX_TRIES : tries + 1;
    await updateDenial(context.db, id, { identify_tries: next });
    return { isLearned: false, again: next < MAX_TRIES ? context.clock() + AGAIN_MS : null };
  }
}
