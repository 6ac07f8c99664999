import type { Metadata, ShortVerdict } from "../../../schema/api/probe.ts";
import type { Asker, RequestContext } from "../../context.ts";
import { requireAllowed, requireAllowedIdentity } from "../rights/require-allowed.ts";
import { probeSource } from "./probe-source.ts";
import { requirePublic } from "./require-public.ts";

/**
 * What is behind a URL.
 *
 * @throws ApiError as `probeSource`; `denied`; `invalid_request` for a host that is not public
 */
export async function readMetadata(context: RequestContext, asker: Asker, url: string): Promise<Metadata> {
  requirePublic(context.config, "url", url);
  await requireAllowed(context, [url]);
  const { media, identity } = await probeSource(context, asker, { kind: "metadata", url });
  await requireAllowedIdentity(context, identity);
  return media;
}

/**
 * Whether a video is vertical.
 *
 * @example judgeShort({ …, width: 1080, height: 1920 }).is_short // true
 */
export function judgeShort({ width, height, is_live, duration }: Metadata): ShortVerdict {
  const isShort = width !== null && height !== null && height > width;
  return {
    is_short: isShort,
    video_type: is_live ? "live" : isShort ? "short" : "video",
    width,
    height,
    aspect_ratio: width !== null && height !== null ? Math.round((height / width) * 10_000) / 10_000 : null,
    duration_seconds: duration,
  };
}
