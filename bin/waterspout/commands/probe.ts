import type { PlannedJob } from "../../../schema/api/job.ts";
import { jobOptions } from "../../../schema/api/job-request.ts";
import type { Metadata } from "../../../schema/api/probe.ts";
import type { Args } from "../arguments/args.ts";
import { membersOf, optionsOf } from "../arguments/schema-options.ts";
import type { Command, Context } from "../command.ts";
import { CommandError } from "../failures/command-error.ts";
import { EXIT, type ExitCode } from "../failures/exit-codes.ts";
import { adjustmentText } from "../terminal/job-text.ts";
import { facts, size, type TableLook, table } from "../terminal/text.ts";

export const probe: Command = {
  summary: "Show the media of a URL; nothing is created",
  operands: ["<url>"],
  options: {
    plan: { help: "Show what a job with these options would do" },
    "is-short": { help: "Show only whether the video is vertical" },
    ...optionsOf(jobOptions),
  },
  examples: [
    "probe https://example.com/talk.mp4",
    "probe https://example.com/talk.mp4 --plan --format webm --video-codec h264",
    "probe https://example.com/talk.mp4 --is-short --json",
  ],
  async run(args, context) {
    if (args.flag("plan")) return plan(args, context);
    const surplus = Object.keys(membersOf(jobOptions, args))[0];
    if (surplus !== undefined) throw new CommandError(EXIT.usage, `Job options require --plan`);
    return args.flag("is-short") ? isShort(args, context) : metadata(args, context);
  },
};

async function metadata({ operands: [url = ""] }: Args, { api, out, signal }: Context): Promise<ExitCode> {
  const found = await api.metadata({ body: { url }, signal });
  out.result(found, () => `${metadataText(found)}\n\n${streamsText(found.formats, out)}`);
  return EXIT.ok;
}

async function isShort({ operands: [url = ""] }: Args, { api, out, signal }: Context): Promise<ExitCode> {
  const verdict = await api.isShort({ body: { url }, signal });
  const { video_type, width, height, duration_seconds } = verdict;
  out.result(verdict, () =>
    facts([
      ["type", video_type],
      ["size", width === null || height === null ? null : `${width}×${height}`],
      ["duration", duration_seconds === null ? null : `${duration_seconds} s`],
    ]),
  );
  return EXIT.ok;
}

async function plan(args: Args, { api, out, signal }: Context): Promise<ExitCode> {
  const [url = ""] = args.operands;
  const planned = await api.planJob({ body: { ...membersOf(jobOptions, args), url }, signal });
  out.result(planned, () => planText(planned, out));
  return EXIT.ok;
}

const metadataText = (found: Metadata): string =>
  facts([
    ["title", found.title],
    ["uploader", found.uploader],
    ["site", found.extractor],
    ["duration", found.duration === null ? null : `${found.duration} s`],
    ["picture", found.width === null ? null : `${found.width}×${found.height}`],
    ["size", size(found.filesize_approx)],
    ["uploaded", found.upload_date],
    ["live", found.is_live ? "on air" : null],
  ]);

const planText = (planned: PlannedJob, look: TableLook): string =>
  [
    facts([
      ["title", planned.title],
      ["duration", planned.duration === null ? null : `${planned.duration} s`],
      ["format", planned.plan.format],
      ["video", planned.plan.video_codec],
      ["audio", planned.plan.audio_codec],
      ["folder", planned.folder],
      ["file name", planned.filename],
      ["storage", planned.storage_provider],
      ["size", size(planned.estimated_size)],
      ["source", planned.source_error?.error],
      ...planned.adjustments.map((adjustment): [string, string] => ["adjusted", adjustmentText(adjustment)]),
    ]),
    ...(planned.streams === null ? [] : [streamsText(planned.streams, look)]),
  ].join("\n\n");

const streamsText = (streams: Metadata["formats"], look: TableLook): string =>
  table(
    ["stream", "file", "video", "audio", "picture", "kbit/s", "bytes"],
    streams.map((stream) => [
      stream.format_id,
      stream.extension ?? "",
      stream.video_codec ?? "",
      stream.audio_codec ?? "",
      stream.width === null ? "" : `${stream.width}×${stream.height}`,
      `${stream.bitrate_kbps ?? ""}`,
      `${stream.size ?? ""}`,
    ]),
    look,
  );
