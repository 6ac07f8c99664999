/** A client from openapi-typescript and openapi-fetch: creates a job and follows it to its end. */
import createClient from "openapi-fetch";
import type { paths } from "./generated/openapi-typescript.ts";

const { WATERSPOUT_URL = "", WATERSPOUT_API_KEY = "", MEDIA_URL = "" } = process.env;
const api = createClient<paths>({ baseUrl: WATERSPOUT_URL, headers: { "x-api-key": WATERSPOUT_API_KEY } });

const created = await api.POST("/jobs", { body: { url: MEDIA_URL, format: "mkv", max_resolution: "1080" } });
if (!created.data || !("job_id" in created.data)) throw new Error(created.error?.code ?? "no job");
const path = { id: created.data.job_id };

const events = await api.GET("/jobs/{id}/events", { params: { path }, parseAs: "text" });
if (!String(events.data).includes("event: status")) throw new Error("no final event");
const job = await api.GET("/jobs/{id}", { params: { path } });
console.log(job.data?.status, job.data?.file_size);

const refused = await api.POST("/jobs", { body: { url: "ftp://example.com/a" } });
console.log(refused.error?.code, refused.error?.issues?.[0]?.path);
