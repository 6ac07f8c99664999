import type { Job } from "../../../schema/api/job.ts";
import type { Context } from "../command.ts";
import { CommandError } from "../failures/command-error.ts";
import { EXIT } from "../failures/exit-codes.ts";
import { createProgressLine, type Screen } from "../terminal/progress-line.ts";
import type { Destination } from "./destination.ts";
import { type FetchedFile, fetchFile } from "./fetch-file.ts";

/**
 * Downloads the file that a job delivered, through its signed link.
 *
 * @throws CommandError `local` if there is no link, or the file cannot be fetched or written; the signal's reason
 */
export async function download(
  job: Job,
  destination: Destination,
  screen: Screen,
  { signal }: Pick<Context, "signal">,
): Promise<FetchedFile> {
  const { s3_url: link, s3_key: key, sha256, file_size: total } = job;
  // an older API does not have this member
  if (job.file_replaced_by) {
    throw new CommandError(EXIT.local, `The file is gone: job ${job.file_replaced_by} replaced it`);
  }
  if (link === null) {
    throw new CommandError(EXIT.local, `There is no link to the file; it is in the storage as ${key}`);
  }
  const path = destination.pathFor(key, job.id);
  const line = createProgressLine(screen);
  const onBytes = (bytes: number) =>
    line.show({ label: "Fetching", percent: !total ? 0 : Math.min(100, (bytes / total) * 100) });
  try {
    return await fetchFile(link, path, sha256, signal, onBytes);
  } catch (cause) {
    signal.throwIfAborted();
    throw new CommandError(
      EXIT.local,
      `The file could not be downloaded to ${path}: ${(cause as Error).message}`,
    );
  } finally {
    line.end();
  }
}
