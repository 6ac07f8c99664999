import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Target } from "../measurement.ts";
import { type Forms, LARGE, MEDIA_FOLDER, MEDIUM } from "./media.ts";
import type { Bucket } from "./target.ts";

/** One source over one kind of connection. */
export interface PipelineCase {
  readonly name: string;
  readonly media: string;
  readonly line: "fast" | "capped" | "shaped";
  readonly bucket: Bucket;
  readonly target: Target;
  /** The competitors. Shaped connections are only compared with the bare network, because the peer takes minutes. */
  readonly others: readonly ("peer" | "floor")[];
}

const FORM_NAMES: readonly (readonly [keyof Forms, string])[] = [
  ["progressive", "progressive"],
  ["split", "split video + audio"],
  ["hls", "HLS"],
  ["dash", "DASH"],
];

const FAST_LIMITS: Record<keyof Forms, number> = { progressive: 0.3, split: 0.35, hls: 0.3, dash: 0.3 };

export const PIPELINE_CASES: readonly PipelineCase[] = [
  ...FORM_NAMES.map(
    ([form, name]): PipelineCase => ({
      ...{
        name: `${name}, 1 GiB`,
        media: LARGE[form],
        line: "fast",
        bucket: "fast",
        others: ["peer", "floor"],
      },
      target: { against: "peer", atMost: FAST_LIMITS[form] },
    }),
  ),
  ...FORM_NAMES.map(
    ([form, name]): PipelineCase => ({
      ...{ name: `${name}, 0.2 GiB, 20 MB/s per connection`, media: MEDIUM[form] },
      ...{ line: "capped", bucket: "fast", others: ["peer"], target: { against: "peer", atMost: 0.2 } },
    }),
  ),
  ...FORM_NAMES.slice(0, 2).map(
    ([form, name]): PipelineCase => ({
      ...{ name: `${name}, 1 GiB, both ends at 100 MB/s`, media: LARGE[form] },
      ...{ line: "shaped", bucket: "shaped", others: ["floor"] },
      target: { against: "floor", atMost: form === "split" ? 1.25 : 1.15 },
    }),
  ),
];

/** The files of a case's media, as URLs on its kind of connection. */
export async function mediaUrls({ media, line }: PipelineCase, originUrl: string): Promise<string[]> {
  const folder = dirname(media);
  const isManifest = /\.(mpd|m3u8)$/.test(media);
  const names = isManifest ? await readdir(join(MEDIA_FOLDER, folder)) : [media.slice(folder.length + 1)];
  return names
    .filter((name) => !/\.(mpd|m3u8)$/.test(name))
    .map((name) => `${originUrl}/${line}/${folder}/${name}`);
}
