import type { MediaPlan } from "../../../schema/media.ts";
import { setNewest } from "../../../schema/set-newest.ts";
import type { RequestContext } from "../../context.ts";
import type { WantedMedia } from "../../db/reuse/wanted-media.ts";
import { youtubeId } from "../../lib/youtube-address.ts";

/** When two jobs of an account would deliver the same files. Hashes are keyed, because addresses contain secrets. */

/** Members of a request that determine neither the content of the files nor which of them there are. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  ...["url", "filename", "folder", "metadata", "storage", "paused", "batch", "reuse", "max_retry_hours"],
  ...["webhook_url", "webhook_events", "enable_progress_webhook", "wait_for_video", "max_duration"],
  // the plan says what they mean
  ...["format", "audio_only", "video_codec", "audio_codec", "audio_bitrate", "video_quality"],
  ...["quality_preset", "max_resolution", "min_resolution", "resolution", "max_fps", "audio_language"],
  ...["clip_start", "clip_end"],
]);

/** What two requests must have in common. */
interface Wanted {
  readonly plan: MediaPlan;
  /** Known members as they were sent. */
  readonly echo: Readonly<Record<string, unknown>>;
}

type Tagging = Pick<RequestContext, "sealer" | "config">;

/**
 * What makes the files of a request what they are, apart from the media; null if they must not be copied.
 *
 * @param options.inline the storage comes with the request, and its credentials are erased at the end
 */
export async function variantOf(
  context: Tagging,
  { plan, echo, inline }: Wanted & { readonly inline: boolean },
): Promise<string | null> {
  const isOff = context.config.reuseHours === 0 || echo.reuse === "never" || inline;
  // what is on air is not there a second time
  if (isOff || echo.live_recording === true) return null;
  const options = Object.entries(echo)
    .filter(([name, value]) => !WITHOUT_EFFECT.has(name) && value !== false)
    .toSorted(([one], [other]) => (one < other ? -1 : 1));
  const sorted = Object.entries(plan).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return variantTag(context, JSON.stringify(["variant", sorted, options]));
}

/** Tags of variants that were asked for before, by the text of the variant. */
const variantTags = new WeakMap<Tagging["sealer"], Map<string, string>>();
/** Maximum number of them: most requests ask for one of a few. */
const MAX_VARIANT_TAGS = 200;

async function variantTag({ sealer }: Tagging, text: string): Promise<string> {
  const known = variantTags.get(sealer) ?? new Map<string, string>();
  variantTags.set(sealer, known);
  const tag = known.get(text) ?? (await sealer.tag(text));
  setNewest(known, text, tag, MAX_VARIANT_TAGS);
  return tag;
}

/** The media of a new job, by the address that is fetched. @param variant see {@link variantOf} */
export async function wantedMedia(
  { sealer }: Tagging,
  { accountId, jobId, variant }: { accountId: string; jobId: string; variant: string },
  url: string,
): Promise<WantedMedia> {
  const source = await sealer.tag(JSON.stringify(["address", addressOf(url)]));
  return { account_id: accountId, source, variant, job_id: jobId };
}

/** The same for the name that a site has for the media, or for the SHA-256 of its bytes. */
export const namedSource = (
  { sealer }: Pick<RequestContext, "sealer">,
  kind: "media" | "bytes",
  name: string,
): Promise<string> => sealer.tag(JSON.stringify([kind, name]));

/**
 * One text for all addresses of a media item, as far as addresses alone say so.
 *
 * @example addressOf("https://youtu.be/aqz-KE-bpKQ?t=5") // "youtube aqz-KE-bpKQ"
 */
export function addressOf(url: string): string {
  const parsed = new URL(url);
  const id = youtubeId(parsed);
  return id === null ? parsed.href : `youtube ${id}`;
}
