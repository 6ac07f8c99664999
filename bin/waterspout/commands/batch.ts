import { jobOptions } from "../../../schema/api/job-request.ts";
import { readTextFile } from "../arguments/read-file.ts";
import { membersOf, optionsOf } from "../arguments/schema-options.ts";
import type { Args, Command, Context } from "../command.ts";
import { CommandError } from "../failures/command-error.ts";
import { EXIT } from "../failures/exit-codes.ts";
import { awaitEnd, WAIT_OPTIONS } from "../waiting/await-end.ts";
import { createdBy } from "../waiting/created-by.ts";
import { batchText } from "../waiting/follow-batch.ts";

const { batch: _, ...sharedOptions } = jobOptions;

export const batch: Command = {
  summary: "Deliver a list: a show, a playlist, or URLs of your own",
  operands: ["[url]…"],
  options: {
    file: {
      value: "FILE",
      help: "URLs, one per line, each optionally followed by a file name; # begins a comment",
    },
    ...WAIT_OPTIONS,
    ...optionsOf(sharedOptions),
  },
  examples: [
    "batch https://example.com/feed.xml --paused",
    "batch --file urls.txt --folder talks --max-resolution 1080 --wait",
    "batch https://example.com/1.mp4 https://example.com/2.mp4",
  ],
  async run(args, context) {
    const { out } = context;
    const response = await create(args, context);
    const created = createdBy(response);
    if (!args.flag("wait")) {
      out.result(response, () => created.id);
      return EXIT.ok;
    }
    out.note(`${created.kind} ${created.id}`);
    return awaitEnd(created, args, context);
  },
};

/** One URL is a list to be looked into; several are the list. */
function create(args: Args, { api, signal }: Context) {
  const file = args.text("file");
  const jobs = [
    ...args.operands.map((url) => ({ url })),
    ...(file === undefined ? [] : jobsOf(readTextFile(file))),
  ];
  const [first] = jobs;
  if (first === undefined) throw new CommandError(EXIT.usage, "Specify a URL, or a --file of URLs");
  const shared = membersOf(sharedOptions, args);
  return jobs.length === 1 && file === undefined
    ? api.createJob({ body: { ...shared, url: first.url, batch: true }, signal })
    : api.createBulk({ body: { ...shared, jobs }, signal });
}

/** @example jobsOf("https://example.com/1.mp4 First talk") // [{ url: "https://example.com/1.mp4", filename: "First talk" }] */
export function jobsOf(text: string): { url: string; filename?: string }[] {
  const lines = text.split("\n").map((line) => line.trim());
  return lines
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const space = line.search(/\s/);
      const [url, filename] = space < 0 ? [line, ""] : [line.slice(0, space), line.slice(space).trim()];
      return filename === "" ? { url } : { url, filename };
    });
}

export const batchShow: Command = {
  summary: "Show a batch",
  operands: ["<batch id>"],
  examples: ["batch show 01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17"],
  async run({ operands: [id = ""] }, { api, out, signal }) {
    const found = await api.getBatch({ params: { id }, signal });
    out.result(found, () => batchText(found));
    return EXIT.ok;
  },
};

export const batchWait: Command = {
  summary: "Follow a batch until it ends",
  operands: ["<batch id>"],
  examples: ["batch wait 01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17"],
  run: (args, context) => awaitEnd({ kind: "batch", id: args.operands[0] ?? "" }, args, context),
};

export const batchStart: Command = {
  summary: "Start a paused batch",
  operands: ["<batch id>"],
  options: WAIT_OPTIONS,
  examples: ["batch start 01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17 --wait"],
  async run(args, context) {
    const { api, out, signal } = context;
    const [id = ""] = args.operands;
    const started = await api.startBatch({ params: { id }, signal });
    if (args.flag("wait")) return awaitEnd({ kind: "batch", id }, args, context);
    out.result(started, () => `${started.started_jobs} jobs started`);
    return EXIT.ok;
  },
};

export const batchCancel: Command = {
  summary: "Cancel every job of a batch that has not ended",
  operands: ["<batch id>"],
  examples: ["batch cancel 01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17"],
  async run({ operands: [id = ""] }, { api, out, signal }) {
    const cancelled = await api.cancelBatch({ params: { id }, signal });
    out.result(cancelled, () => `${cancelled.cancelled_jobs} jobs cancelled`);
    return EXIT.ok;
  },
};

export const batchRename: Command = {
  summary: "Rename the files of a paused batch",
  operands: ["<batch id>", "<job id=file name>…"],
  examples: [
    'batch rename 01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17 01932c7f-0000-7000-8000-000000000001="First talk"',
  ],
  async run({ operands: [id = "", ...pairs] }, { api, out, signal }) {
    const renames = pairs.map(renameOf);
    const response = await api.renameJobs({ params: { id }, body: { renames }, signal });
    out.result(response, () => [`${response.updated} renamed`, ...response.errors].join("\n"));
    return response.errors.length === 0 ? EXIT.ok : EXIT.refused;
  },
};

function renameOf(pair: string): { job_id: string; filename: string } {
  const at = pair.indexOf("=");
  if (at > 0) return { job_id: pair.slice(0, at), filename: pair.slice(at + 1) };
  throw new CommandError(EXIT.usage, `"${pair}" is not of the form <job id>=<file name>`);
}
