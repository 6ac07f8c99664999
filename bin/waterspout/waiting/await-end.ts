import { statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import type { Job } from "../../../schema/api/job.ts";
import type { Args, Context } from "../command.ts";
import { CommandError } from "../failures/command-error.ts";
import { EXIT, type ExitCode } from "../failures/exit-codes.ts";
import { jobText } from "../terminal/job-text.ts";
import { createProgressLine } from "../terminal/progress-line.ts";
import type { Created } from "./created-by.ts";
import { type FetchedFile, fetchFile } from "./fetch-file.ts";
import { batchText, followBatch } from "./follow-batch.ts";
import { followJob, sentenceOfEnd } from "./follow-job.ts";

export const WAIT_OPTIONS = {
  wait: { help: "Follow it until it ends; the exit code reports the result" },
} as const;
export const OUTPUT_OPTION = {
  output: { value: "FILE", help: "Wait, and download the file to this path or into this folder" },
} as const;

/** Waits for what was created, and reports the result. */
export async function awaitEnd(created: Created, args: Args, context: Context): Promise<ExitCode> {
  const { out, signal } = context;
  try {
    return await (created.kind === "job"
      ? awaitJob(created.id, args, context)
      : awaitBatch(created.id, context));
  } catch (error) {
    if (signal.aborted) out.note(`It continues; to wait again: waterspout ${waitCommand(created)}`);
    throw error;
  }
}

const waitCommand = ({ kind, id }: Created) => (kind === "job" ? `wait ${id}` : `batch wait ${id}`);

async function awaitJob(id: string, args: Args, { api, out, signal }: Context): Promise<ExitCode> {
  const job = await followJob(api, id, out.screen, signal);
  const delivered = job.status === "Completed";
  const output = args.text("output");
  const file = delivered && output !== undefined ? await download(job, output, { out, signal }) : null;
  out.result(file === null ? job : { ...job, output: file.path }, () => jobText(job));
  if (!delivered) out.note(sentenceOfEnd(job));
  if (file) out.note(`The file is ${file.path}`);
  return delivered ? EXIT.ok : EXIT.jobFailed;
}

async function awaitBatch(id: string, { api, out, signal }: Context): Promise<ExitCode> {
  const batch = await followBatch(api, id, out.screen, signal);
  out.result(batch, () => batchText(batch));
  return batch.status === "completed" ? EXIT.ok : EXIT.jobFailed;
}

async function download(
  job: Job,
  output: string,
  { out, signal }: Pick<Context, "out" | "signal">,
): Promise<FetchedFile> {
  const { s3_url: link, s3_key: key, sha256, file_size: total } = job;
  // an older API does not know of it
  if (job.file_replaced_by) {
    throw new CommandError(EXIT.local, `Job ${job.file_replaced_by} has replaced the file meanwhile`);
  }
  if (link === null) {
    throw new CommandError(EXIT.local, `There is no link to the file; it is in the storage as ${key}`);
  }
  const path = resolve(isFolder(output) ? join(output, basename(key ?? job.id)) : output);
  const line = createProgressLine(out.screen);
  const onBytes = (bytes: number) =>
    line.show({ label: "Fetching", percent: total === null ? 0 : Math.min(100, (bytes / total) * 100) });
  try {
    return await fetchFile(link, path, sha256, signal, onBytes);
  } catch (cause) {
    signal.throwIfAborted();
    throw new CommandError(
      EXIT.local,
      `The file could not be fetched to ${path}: ${(cause as Error).message}`,
    );
  } finally {
    line.end();
  }
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
