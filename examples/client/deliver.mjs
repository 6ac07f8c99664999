/**
 * Delivers every URL that it is given and prints where the files are.
 *
 *   npm install @waterspout/client
 *   WATERSPOUT_URL=https://waterspout.example.com WATERSPOUT_API_KEY=sk_live_… node deliver.mjs https://example.com/talk.mp4
 */
import { createClient } from "@waterspout/client";

const { WATERSPOUT_URL: url = "http://127.0.0.1:8787", WATERSPOUT_API_KEY: apiKey } = process.env;
const api = createClient({ url, apiKey });

const jobs = await Promise.all(
  process.argv.slice(2).map(async (source) => {
    const { job_id } = await api.createJob({ body: { url: source } });
    return api.waitForJob(job_id);
  }),
);
for (const job of jobs) console.log(job.status, job.s3_key ?? job.error);
process.exitCode = jobs.every(({ status }) => status === "Completed") ? 0 : 1;
