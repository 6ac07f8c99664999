import type {
  SubscriptionPlan,
  SubscriptionRequest,
} from "../../../schema/api/subscriptions/subscription.ts";
import type { RequestContext } from "../../context.ts";
import { ApiError } from "../../lib/api-error.ts";
import type { Account } from "../accounts/key-cache.ts";
import { requireAllowed } from "../rights/require-allowed.ts";
import { backfillOf, inOrder } from "./backfill.ts";
import { requireSource, sourceOf } from "./create.ts";
import { judgeOf } from "./filters.ts";
import { valuesOf } from "./job-of.ts";
import { readSource, type SourceReading, SourceUnreadableError } from "./reading/read-source.ts";
import { requireSettings, sentJob } from "./settings.ts";
import { fileNameOf, folderOf } from "./templates.ts";

/** Entries that are shown. */
const SHOWN = 20;

/**
 * What a subscription would do with its source as it is now. Nothing is stored.
 *
 * @throws ApiError as the creation; `invalid_request` if the source cannot be read, `dependency_unavailable` if that may pass
 */
export async function planSubscription(
  context: RequestContext,
  account: Account,
  body: SubscriptionRequest,
  sent: unknown,
): Promise<SubscriptionPlan> {
  requireSource(context, body.url);
  await requireAllowed(context, [body.url, sourceOf(body.url)]);
  const adjustments = await requireSettings(context, account.limits, body, sentJob(sent));
  const { title, entries: listed, hub } = await read(context, body.url);
  const judge = await judgeOf(body.filters ?? {});
  const ordered = inOrder(listed);
  const statuses = backfillOf(body.backfill ?? { type: "none" }, ordered, context.clock());
  let episode = 0;
  const entries = ordered.map((entry) => {
    const { publishedAt: published_at, sourceId: source_id, isShort: is_short, ...facts } = entry;
    const row = { ...facts, published_at, source_id, is_short };
    const reason =
      statuses.get(entry.key) === "seen"
        ? "The source had it before; the backfill leaves it out"
        : (filteredBy(judge(row)) ?? waitsFor(entry.state));
    if (reason === null) episode += 1;
    const values = valuesOf(row, episode);
    const { filename, folder } = body;
    return {
      url: entry.url,
      title: entry.title,
      published_at,
      filename: filename === undefined ? null : fileNameOf(filename, values),
      folder: folder === undefined ? null : folderOf(folder, values),
      delivered: reason === null,
      reason,
    };
  });
  return {
    title,
    entries: entries.slice(-SHOWN).reverse(),
    total: entries.length,
    backfilled: entries.filter(({ delivered }) => delivered).length,
    push: hub !== null,
    adjustments,
  };
}

const filteredBy = (filter: string | null): string | null =>
  filter === null ? null : `Filtered out by ${filter}`;
const waitsFor = (state: string | null): string | null =>
  state === null ? null : `It is ${state}, and is waited for`;

async function read(context: RequestContext, url: string): Promise<Extract<SourceReading, { type: "read" }>> {
  try {
    const source = { url: sourceOf(url), kind: null, etag: null, lastModified: null };
    const reading = await readSource(context, source, null);
    if (reading.type === "read") return reading;
  } catch (error) {
    if (!(error instanceof SourceUnreadableError)) throw error;
    const { retryAfterMs } = error;
    if (retryAfterMs === null) throw new ApiError("invalid_request", { sentence: error.message });
    const retryAfterSeconds = Math.ceil(retryAfterMs / 1000);
    throw new ApiError("dependency_unavailable", { sentence: error.message, retryAfterSeconds });
  }
  throw new Error("a source was unchanged that was never read");
}
