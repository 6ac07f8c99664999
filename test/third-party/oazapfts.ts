/** A client from oazapfts, a generator of functions: plans a job and lists jobs. */
import { defaults, listJobs, planJob } from "./generated/oazapfts.ts";

const { WATERSPOUT_URL = "", WATERSPOUT_API_KEY = "", MEDIA_URL = "" } = process.env;
defaults.baseUrl = WATERSPOUT_URL;
defaults.headers = { "x-api-key": WATERSPOUT_API_KEY };

const planned = await planJob({ url: MEDIA_URL, format: "webm", video_codec: "h264" });
if (planned.status !== 200) throw new Error(`planned: ${planned.status}`);
console.log(planned.data.plan.video_codec, planned.data.adjustments[0]?.field);

const listed = await listJobs({ limit: "5", status: "completed" });
if (listed.status !== 200) throw new Error(`listed: ${listed.status}`);
console.log(listed.data.jobs.length > 0);
