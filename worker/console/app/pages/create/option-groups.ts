import { jobOptions } from "../../../../../schema/api/job-request.ts";
import { type Field, fieldsOf } from "../../lib/request-fields.ts";
import type { en } from "../../texts/en.ts";

/** The order of options on the page; what no group names is in the last one. */
const GROUPS = {
  output: [
    ...["format", "max_resolution", "min_resolution", "resolution", "max_fps", "video_codec", "audio_codec"],
    ...["audio_bitrate", "quality_preset", "video_quality", "audio_language", "audio_only"],
  ],
  range: ["clip_start", "clip_end"],
  extras: ["download_subtitles", "subtitle_languages", "download_thumbnail"],
  file: ["filename", "folder"],
  live: ["live_recording", "live_from_start", "max_duration", "wait_for_video"],
  reports: ["webhook_url", "enable_progress_webhook", "webhook_events"],
  control: ["batch", "paused", "max_retry_hours", "reuse", "cookies", "geo", "media_exit"],
} as const satisfies Partial<Record<keyof typeof en.groups, readonly string[]>>;

/** Options of a job as the API knows them, apart from the storage, which has a form of its own. */
const { storage: _form, ...options } = jobOptions;
export const OPTION_FIELDS: readonly Field[] = fieldsOf(options);

export interface OptionGroup {
  readonly name: keyof typeof en.groups;
  readonly fields: readonly Field[];
}

/** Every option of a job exactly once. */
export const OPTION_GROUPS: readonly OptionGroup[] = groupsOf(OPTION_FIELDS);

function groupsOf(fields: readonly Field[]): OptionGroup[] {
  const named = Object.entries<readonly string[]>(GROUPS);
  const grouped = new Set(named.flatMap(([, names]) => names));
  return [
    ...named.map(([name, names]) => ({
      name: name as OptionGroup["name"],
      fields: names.flatMap((wanted) => fields.find((field) => field.name === wanted) ?? []),
    })),
    { name: "other" as const, fields: fields.filter(({ name }) => !grouped.has(name)) },
  ].filter((group) => group.fields.length > 0);
}
