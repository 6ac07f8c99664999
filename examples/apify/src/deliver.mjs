/** Delivers one URL through Waterspout. */

const { WATERSPOUT_URL = "", WATERSPOUT_API_KEY = "" } = process.env;
const FINAL = ["Completed", "Failed", "Warning", "Skipped"];
/** Pause between two looks at a job, in milliseconds. */
const POLL_MS = Number(process.env.POLL_MS ?? 2_000);

async function call(method, path, body, headers = {}) {
  const response = await fetch(WATERSPOUT_URL.replace(/\/$/, "") + path, {
    method,
    headers: { "x-api-key": WATERSPOUT_API_KEY, "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

/**
 * Creates a job and waits for its end.
 *
 * @param request members of POST /jobs
 * @param repeatKey the same for a repeated call, so that a restarted run creates no second job
 * @returns what the dataset holds about it; `status` is Refused if no job was created
 */
export async function deliver(request, repeatKey) {
  const { url } = request;
  const created = await call("POST", "/jobs", request, { "x-idempotency-key": repeatKey });
  const { job_id } = created.body;
  if (created.status !== 201 || job_id === undefined) {
    return { url, status: "Refused", error: created.body.error ?? "The URL is a list; send its entries" };
  }
  for (;;) {
    const { status, body } = await call("GET", `/jobs/${job_id}`);
    if (status === 200 && FINAL.includes(body.status)) {
      const { s3_key, s3_url, file_size, sha256, title, error } = body;
      return { url, job_id, status: body.status, title, s3_key, s3_url, file_size, sha256, error };
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
