import type { Delivery } from "../../../schema/wire/callback.ts";

/** What a processor reports about a delivered file. */
export const delivery: Delivery = {
  key: "videos/A title [abc].mp4",
  subtitle_key: null,
  thumbnail_key: null,
  subtitles: [],
  file_size: 1_000,
  sha256: "ab".repeat(32),
  duration: 12.5,
  clip: null,
  title: "A title",
  description: "About it",
  release_date: "2026-11-01",
  native_video_codec: "h264",
  native_audio_codec: "aac",
  actual_quality: "1080p",
  actual_audio_language: "en",
  audio_languages: ["en", "de"],
  strategy: "ranges",
  details: {},
  adjustments: [{ field: "audio_codec", from: "flac", to: "aac", reason: "mp4 holds AAC, MP3 or Opus" }],
  timings: {
    ...{ extract_ms: 100, download_ms: 200, mux_ms: null, upload_ms: 300 },
    ...{ precheck_ms: 40, subtitle_ms: null, file_move_ms: 5 },
    ...{ io_wait_ms: null, cpu_wait_ms: null, upload_wait_ms: 7 },
  },
  download_rate: 12_345_678,
  upload_rate: 2_000_000,
  download_retries: 1,
  upload_retries: 0,
};

export const completed = { outcome: { type: "completed", delivery } } as const;
export const failed = (code: string, retry_after_ms: number | null = null) =>
  ({ outcome: { type: "failed", code, retry_after_ms, title: null } }) as const;
