import { jobOptions } from "../../../schema/api/job-request.ts";
import type { Args } from "../arguments/args.ts";
import { LIST_FORMAT, type ListedUrl, readUrls } from "../arguments/read-urls.ts";
import { membersOf, optionsOf } from "../arguments/schema-options.ts";
import type { Command, Context } from "../command.ts";
import { CommandError } from "../failures/command-error.ts";
import { combinedCode, EXIT, type ExitCode } from "../failures/exit-codes.ts";
import { concernsAll, reportFailure } from "../failures/report-failure.ts";
import { noteAdjustments } from "../terminal/note-adjustments.ts";
import { counted } from "../terminal/text.ts";
import { awaitEnds } from "../waiting/await-ends.ts";
import { type Created, createdBy } from "../waiting/created-by.ts";
import { type Destination, destinationOf, OUTPUT_OPTION } from "../waiting/destination.ts";
import { runPool } from "../waiting/run-pool.ts";

/** Requests that create jobs at the same time. */
const REQUESTS = 4;

export const get: Command = {
  summary: "Deliver the media of URLs, and wait for it",
  details:
    "Creates a job for each URL, shows the progress, and prints what was delivered and where. With - as URL, it reads URLs from the standard input, one per line, each optionally followed by a space and a file name.\n\nThe failure of one URL does not stop the others. Ctrl-C stops the waiting; the jobs continue on the server.",
  operands: ["<url>…"],
  options: {
    ...OUTPUT_OPTION,
    "no-wait": { help: "Only create the jobs, and print their ids" },
    wait: { help: "Wait, which is the default", hidden: true },
    "idempotency-key": { value: "TEXT", help: "The same key and request create one job within 24 hours" },
    ...optionsOf(jobOptions),
  },
  examples: [
    "get https://example.com/talk.mp4",
    "get https://example.com/talk.mp4 --max-resolution 720 -o talk.mp4",
    "get https://example.com/1.mp4 https://example.com/2.mp4 -o talks/",
    "get - --format mp3 < urls.txt",
    "get https://example.com/talk.mp4 --clip-start 1:30 --clip-end 2:00 --folder talks",
    "get https://example.com/talk.mp4 --storage storage.json --webhook-url https://example.com/hook --no-wait",
  ],
  async run(args, context) {
    const listed = await readUrls(args.operands, context.readInput);
    const [only] = listed;
    const count = listed.length === 1 ? "one" : "several";
    if (count === "several") refuseOptionsOfOne(args);
    if (args.flag("no-wait") && args.text("output") !== undefined) {
      throw new CommandError(EXIT.usage, "--output waits for the file, so it does not go with --no-wait");
    }
    const destination = destinationOf(args, count);
    const request = membersOf(jobOptions, args);
    return only && count === "one"
      ? getOne({ ...request, ...only }, destination, args, context)
      : getAll(listed, request, destination, args, context);
  },
};

/** Options that would be wrong for all URLs but one. */
function refuseOptionsOfOne(args: Args): void {
  const wrong = ["idempotency-key", "filename"].find((name) => args.text(name) !== undefined);
  if (wrong === undefined) return;
  const instead = wrong === "filename" ? `; put each file's name behind its URL: ${LIST_FORMAT}` : "";
  throw new CommandError(EXIT.usage, `--${wrong} is for one URL, and there are several${instead}`);
}

type Request = Readonly<Record<string, unknown>>;

async function getOne(
  request: Request & ListedUrl,
  destination: Destination | null,
  args: Args,
  context: Context,
): Promise<ExitCode> {
  const { api, out, signal } = context;
  const response = await api.createJob({
    ...{ body: request, signal },
    idempotencyKey: args.text("idempotency-key"),
  });
  const created = createdBy(response);
  noteAdjustments(response, out);
  if (args.flag("no-wait")) {
    out.result(response, () => created.id);
    return EXIT.ok;
  }
  out.note(`${created.kind} ${created.id}`);
  return combinedCode(await awaitEnds([created], destination, context));
}

async function getAll(
  listed: readonly ListedUrl[],
  request: Request,
  destination: Destination | null,
  args: Args,
  context: Context,
): Promise<ExitCode> {
  const { out } = context;
  const { created, refusals } = await createAll(listed, request, context);
  if (args.flag("no-wait")) {
    for (const { id, response } of created) out.result(response, () => id);
    if (refusals.length > 0) out.note(`Created ${created.length} of ${counted(listed.length, "job")}.`);
    return combinedCode(refusals);
  }
  const codes = await awaitEnds(created, destination, context);
  const delivered = codes.filter((code) => code === EXIT.ok).length;
  out.note(`Delivered ${delivered} of ${counted(listed.length, "URL")}.`);
  return combinedCode([...refusals, ...codes]);
}

interface Creations {
  /** What was created, with the API's response. */
  readonly created: readonly (Created & { readonly response: object })[];
  /** Exit codes for the URLs that were refused, which are already reported. */
  readonly refusals: readonly ExitCode[];
}

/** Creates a job for each URL. If the server is away or refuses the key, the URLs that follow are not tried. */
async function createAll(
  listed: readonly ListedUrl[],
  request: Request,
  context: Context,
): Promise<Creations> {
  const { api, connection, out, signal } = context;
  let stopped: ExitCode | null = null;
  let untried = 0;
  const outcomes = await runPool(listed, REQUESTS, async ({ url, filename }) => {
    if (stopped !== null) {
      untried++;
      return stopped;
    }
    try {
      const named = filename === undefined ? {} : { filename };
      const response = await api.createJob({ body: { ...request, ...named, url }, signal });
      const created = createdBy(response);
      out.note(`${created.kind} ${created.id}  ${url}`);
      noteAdjustments(response, out);
      return { ...created, url, response: { url, ...response } };
    } catch (error) {
      signal.throwIfAborted();
      if (!concernsAll(error)) return reportFailure(error, out, { subject: url, connection });
      stopped ??= reportFailure(error, out, { connection });
      return stopped;
    }
  });
  if (untried > 0) out.note(`${counted(untried, "URL")} not tried.`);
  return {
    created: outcomes.filter((outcome) => typeof outcome === "object"),
    refusals: outcomes.filter((outcome) => typeof outcome === "number"),
  };
}
