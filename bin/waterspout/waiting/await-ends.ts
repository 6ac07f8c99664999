import type { Job } from "../../../schema/api/job.ts";
import type { Batch } from "../../../schema/client.ts";
import type { Context } from "../command.ts";
import { CommandError } from "../failures/command-error.ts";
import { combinedCode, EXIT, type ExitCode } from "../failures/exit-codes.ts";
import { PRIVATE_HOST_ADVICE, reportFailure } from "../failures/report-failure.ts";
import { jobText } from "../terminal/job-text.ts";
import type { Output } from "../terminal/output.ts";
import type { Screen } from "../terminal/progress-line.ts";
import type { Created } from "./created-by.ts";
import type { Destination } from "./destination.ts";
import { download } from "./download.ts";
import { batchText, followBatch } from "./follow-batch.ts";
import { followJob, sentenceOfEnd } from "./follow-job.ts";
import { createJointProgress, type JointProgress } from "./joint-progress.ts";
import { runPool } from "./run-pool.ts";

export const WAIT_OPTION = {
  wait: { help: "Follow it until it ends; the exit code says whether it was delivered" },
} as const;

/** Streams of events that are open at the same time. */
const STREAMS = 8;
const SILENT: Screen = { write: () => {} };

/**
 * Waits for jobs and batches and prints the result of each. The failure of one does not stop the others.
 *
 * @param destination downloads what was delivered
 * @returns the exit code for each
 * @throws a failure, if there is only one to wait for; the signal's reason
 */
export async function awaitEnds(
  created: readonly Created[],
  destination: Destination | null,
  context: Context,
): Promise<ExitCode[]> {
  const { out, signal } = context;
  const pending = new Set(created);
  const [only] = created;
  try {
    if (only && created.length === 1) return [await awaitEnd(only, destination, context)];
    const progress = createJointProgress(created, context);
    const apart = { ...context, out: withGaps(out) };
    try {
      return await runPool(created, STREAMS, async (each) => {
        const code = await awaitOne(each, destination, apart, progress);
        pending.delete(each);
        progress.ended(each, code);
        return code;
      });
    } finally {
      await progress.end();
    }
  } catch (error) {
    if (signal.aborted && pending.size > 0) out.note(continuation([...pending]));
    throw error;
  }
}

/** Separates the results of several jobs by empty lines. */
const withGaps = (out: Output): Output => ({
  ...out,
  result: (value, text) => out.result(value, () => `${text()}\n`),
});

function continuation(pending: readonly Created[]): string {
  const ids = (kind: Created["kind"]) => pending.flatMap((each) => (each.kind === kind ? [each.id] : []));
  const commands = [
    ...(ids("job").length === 0 ? [] : [`waterspout wait ${ids("job").join(" ")}`]),
    ...(ids("batch").length === 0 ? [] : [`waterspout batch wait ${ids("batch").join(" ")}`]),
  ];
  const [what, them] = pending.length === 1 ? ["It continues", "it"] : ["They continue", "them"];
  return `${what} on the server; to follow ${them} again: ${commands.join("; ")}`;
}

/** One of several: its failure is reported and does not stop the others. */
async function awaitOne(
  created: Created,
  destination: Destination | null,
  context: Context,
  progress: JointProgress,
): Promise<ExitCode> {
  const { api, out, signal } = context;
  try {
    if (created.kind === "batch") {
      const batch = await api.waitForBatch(created.id, { signal });
      progress.clear();
      return await reportBatch(batch, destination, context, SILENT);
    }
    const job = await api.waitForJob(created.id, { signal, onProgress: progress.show });
    progress.clear();
    return await reportJob(job, destination, context, SILENT);
  } catch (error) {
    signal.throwIfAborted();
    progress.clear();
    return reportFailure(error, out, { subject: created.url ?? created.id });
  }
}

async function awaitEnd(
  { kind, id }: Created,
  destination: Destination | null,
  context: Context,
): Promise<ExitCode> {
  const { api, out, signal } = context;
  if (kind === "batch") {
    if (destination && !destination.isFolder) throw severalFiles(id);
    return reportBatch(await followBatch(api, id, out.screen, signal), destination, context, out.screen);
  }
  const job = await followJob(api, id, out.screen, signal, (text) => out.note(text, "yellow"));
  return reportJob(job, destination, context, out.screen);
}

const severalFiles = (id: string) =>
  new CommandError(
    EXIT.local,
    `The URL is a list, so there are several files, and --output names one. The batch continues on the server; to download its files into a folder: waterspout batch wait ${id} --output FOLDER/`,
  );

async function reportJob(
  job: Job,
  destination: Destination | null,
  context: Context,
  screen: Screen,
): Promise<ExitCode> {
  const { connection, out } = context;
  const delivered = job.status === "Completed";
  const file = delivered && destination ? await download(job, destination, screen, context) : null;
  out.result(file === null ? job : { ...job, output: file.path }, () => jobText(job, out.paint, file?.path));
  if (!delivered) out.note(sentenceOfEnd(job), "red");
  if (job.error_code === "egress_blocked" && connection.isLocal) out.note(PRIVATE_HOST_ADVICE);
  return delivered ? EXIT.ok : EXIT.jobFailed;
}

async function reportBatch(
  batch: Batch,
  destination: Destination | null,
  context: Context,
  screen: Screen,
): Promise<ExitCode> {
  const { out } = context;
  out.result(batch, () => batchText(batch, out.paint));
  const code = batch.status === "completed" ? EXIT.ok : EXIT.jobFailed;
  if (!destination) return code;
  const codes = await downloadBatch(batch.id, destination, context, screen);
  return combinedCode([code, ...codes]);
}

/** Downloads each file of a batch, one after the other; the failure of one does not stop the others. */
async function downloadBatch(
  id: string,
  destination: Destination,
  context: Context,
  screen: Screen,
): Promise<ExitCode[]> {
  const { api, out, signal } = context;
  const codes: ExitCode[] = [];
  const query = { batch_id: id, status: "Completed", limit: 100 };
  for await (const job of api.each("listJobs", { query, signal })) {
    try {
      const { path } = await download(job, destination, screen, context);
      out.note(`Saved as ${path}`);
      codes.push(EXIT.ok);
    } catch (error) {
      signal.throwIfAborted();
      codes.push(reportFailure(error, out, { subject: job.url }));
    }
  }
  return codes;
}
