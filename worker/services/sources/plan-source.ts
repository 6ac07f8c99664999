import type { PlannedJob } from "../../../schema/api/job.ts";
import type { MediaPlan } from "../../../schema/media.ts";
import type { Asker, RequestContext } from "../../context.ts";
import { ApiError } from "../../lib/api-error.ts";
import { requireAllowed, requireAllowedIdentity } from "../rights/require-allowed.ts";
import { probeSource, SourceRefusedError } from "./probe-source.ts";

/** A URL, and the plan for it. */
interface Planned {
  readonly url: string;
  readonly plan: MediaPlan;
}

type SourcePart = Pick<
  PlannedJob,
  | "title"
  | "duration"
  | "streams"
  | "estimated_size"
  | "actual_audio_language"
  | "audio_languages"
  | "adjustments"
  | "source_error"
>;

/**
 * What a job would find at its source. If the source refuses or no processor responds, this is reported, and the plan does
 * not fail.
 *
 * @throws ApiError `probe_timeout` if the source took too long; `denied`
 */
export async function planSource(
  context: RequestContext,
  asker: Asker,
  { url, plan }: Planned,
): Promise<SourcePart> {
  await requireAllowed(context, [url]);
  try {
    const found = await probeSource(context, asker, { kind: "plan", url, plan });
    await requireAllowedIdentity(context, found.identity);
    const { media, streams, estimated_size, audio_language, audio_languages, adjustments } = found;
    return {
      ...{ title: media.title, duration: media.duration, streams, estimated_size },
      ...{ actual_audio_language: audio_language, audio_languages, adjustments, source_error: null },
    };
  } catch (error) {
    if (!(error instanceof ApiError) || error.code === "probe_timeout" || error.code === "denied")
      throw error;
    const code = error instanceof SourceRefusedError ? error.jobError : null;
    const source_error = { code, error: error.message };
    return {
      ...{ title: null, duration: null, streams: null, estimated_size: null },
      ...{ actual_audio_language: null, audio_languages: [], adjustments: [], source_error },
    };
  }
}
