import type { RequestContext } from "../../context.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { describeError } from "../../lib/log.ts";
import { openSourceUrls } from "../storage/sealed-urls.ts";
import { bytesMark, type Mark, marksOfUrl } from "./marks.ts";

/** The columns of a job by which it is recognised. */
export type RecognisedJob = Pick<
  JobRow,
  "id" | "account_id" | "url" | "media_url" | "sealed_urls" | "details" | "sha256"
>;

/** The marks of a job: of its addresses, of what its runs found out, and of its file. */
export async function marksOfJob(
  context: Pick<RequestContext, "sealer" | "log">,
  job: RecognisedJob | undefined,
): Promise<Mark[]> {
  if (!job) return [];
  const { url, media_url } = await openSourceUrls(context, job).catch((error: unknown) => {
    context.log("url_unreadable", { job_id: job.id, error: describeError(error) });
    return job;
  });
  const urls = await Promise.all([url, media_url].map((address) => (address ? marksOfUrl(address) : [])));
  return [
    ...new Set([
      ...urls.flat(),
      ...(job.details?.marks ?? []),
      ...(job.sha256 === null ? [] : [bytesMark(job.sha256)]),
    ]),
  ];
}
