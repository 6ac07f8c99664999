import { jobOptions } from "../../../schema/api/job-request.ts";
import type { Args } from "../arguments/args.ts";
import { readTextFile } from "../arguments/read-file.ts";
import { LIST_FORMAT, parseUrls, readUrls } from "../arguments/read-urls.ts";
import { membersOf, optionsOf } from "../arguments/schema-options.ts";
import type { Command, Context } from "../command.ts";
import { CommandError } from "../failures/command-error.ts";
import { combinedCode, EXIT } from "../failures/exit-codes.ts";
import { counted } from "../terminal/text.ts";
import { awaitEnds, WAIT_OPTION } from "../waiting/await-ends.ts";
import { createdBy } from "../waiting/created-by.ts";
import { destinationOf, OUTPUT_OPTION } from "../waiting/destination.ts";
import { batchText } from "../waiting/follow-batch.ts";

const { batch: _, ...sharedOptions } = jobOptions;

export const batch: Command = {
  summary: "Deliver a list: a show, a playlist, or your own URLs",
  details:
    "One URL is a list that the server reads: a podcast, a playlist, a channel, an album. Several URLs, or those of a file, are the list themselves. With - as URL, it reads URLs from the standard input.",
  operands: ["[url]…"],
  options: {
    file: {
      value: "FILE",
      help: `List of URLs: ${LIST_FORMAT}`,
    },
    ...WAIT_OPTION,
    ...OUTPUT_OPTION,
    ...optionsOf(sharedOptions),
  },
  examples: [
    "batch https://example.com/feed.xml --paused",
    "batch --file urls.txt --folder talks --max-resolution 1080 --wait",
    "batch https://example.com/1.mp4 https://example.com/2.mp4 -o talks/",
  ],
  async run(args, context) {
    const { out } = context;
    const destination = destinationOf(args, "several");
    const response = await create(args, context);
    const created = createdBy(response);
    if (!args.flag("wait") && !destination) {
      out.result(response, () => created.id);
      return EXIT.ok;
    }
    out.note(`${created.kind} ${created.id}`);
    return combinedCode(await awaitEnds([created], destination, context));
  },
};

/** One URL is a list that the server reads; several are the list. */
async function create(args: Args, { api, signal, readInput }: Context) {
  const file = args.text("file");
  const jobs = [
    ...(await readUrls(args.operands, readInput)),
    ...(file === undefined ? [] : parseUrls(readTextFile(file))),
  ];
  const [first] = jobs;
  if (first === undefined) throw new CommandError(EXIT.usage, "Name a URL, or a --file of URLs");
  const shared = membersOf(sharedOptions, args);
  const isOwnList = jobs.length > 1 || file !== undefined || args.operands.includes("-");
  return !isOwnList
    ? api.createJob({ body: { ...shared, url: first.url, batch: true }, signal })
    : api.createBulk({ body: { ...shared, jobs }, signal });
}

export const batchShow: Command = {
  summary: "Show a batch",
  operands: ["<batch id>"],
  examples: ["batch show 01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17"],
  async run({ operands: [id = ""] }, { api, out, signal }) {
    const found = await api.getBatch({ params: { id }, signal });
    out.result(found, () => batchText(found, out.paint));
    return EXIT.ok;
  },
};

export const batchWait: Command = {
  summary: "Follow batches until they end",
  operands: ["<batch id>…"],
  options: OUTPUT_OPTION,
  examples: [
    "batch wait 01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17",
    "batch wait 01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17 -o talks/",
  ],
  async run(args, context) {
    const destination = destinationOf(args, "several");
    const batches = args.operands.map((id) => ({ kind: "batch", id }) as const);
    return combinedCode(await awaitEnds(batches, destination, context));
  },
};

export const batchStart: Command = {
  summary: "Start a paused batch",
  operands: ["<batch id>"],
  options: WAIT_OPTION,
  examples: ["batch start 01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17 --wait"],
  async run(args, context) {
    const { api, out, signal } = context;
    const [id = ""] = args.operands;
    const started = await api.startBatch({ params: { id }, signal });
    if (args.flag("wait")) return combinedCode(await awaitEnds([{ kind: "batch", id }], null, context));
    out.result(started, () => `${counted(started.started_jobs, "job")} started`);
    return EXIT.ok;
  },
};

export const batchCancel: Command = {
  summary: "Cancel the jobs of a batch that have not ended",
  operands: ["<batch id>"],
  examples: ["batch cancel 01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17"],
  async run({ operands: [id = ""] }, { api, out, signal }) {
    const cancelled = await api.cancelBatch({ params: { id }, signal });
    out.result(cancelled, () => `${counted(cancelled.cancelled_jobs, "job")} cancelled`);
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
