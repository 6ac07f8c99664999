import { endpoints } from "../../schema/api/endpoints.ts";
import { CreatedJob, Job, JobProgress } from "../../schema/api/job.ts";

/** The part of the API that the demo uses, as one caller. */
export interface Api {
  createJob(url: string): Promise<string>;
  getJob(id: string): Promise<Job>;
  /** The job's progress, up to and with its end. */
  follow(id: string): AsyncGenerator<JobProgress>;
}

/**
 * @param baseUrl of the Worker
 * @param signal ends every call
 */
export function createApi(baseUrl: string, apiKey: string, signal: AbortSignal): Api {
  const call = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const answer = await fetch(`${baseUrl}${path}`, {
      ...init,
      signal,
      headers: { "x-api-key": apiKey, "content-type": "application/json", ...init.headers },
    });
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
    return answer;
  };
  return {
    async createJob(url) {
      const answer = await call(endpoints.createJob.path, { method: "POST", body: JSON.stringify({ url }) });
      return CreatedJob.parse(await answer.json()).job_id;
    },
    async getJob(id) {
      const answer = await call(endpoints.getJob.path.replace("{id}", id));
      return Job.parse(await answer.json());
    },
    async *follow(id) {
      for (let lastId = ""; ; ) {
        const answer = await call(endpoints.jobEvents.path.replace("{id}", id), {
          headers: lastId === "" ? {} : { "last-event-id": lastId },
        });
        for await (const event of eventsOf(answer)) {
          lastId = event.id;
          yield JobProgress.parse(JSON.parse(event.data));
          if (event.event === "status") return;
        }
      }
    },
  };
}

interface ServerSentEvent {
  readonly event: string;
  readonly id: string;
  readonly data: string;
}

/** The events of a `text/event-stream` body; comments are left out. */
async function* eventsOf({ body }: Response): AsyncGenerator<ServerSentEvent> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: ?(.*)/s, 2)));
      if (fields.data !== undefined)
        yield { event: fields.event ?? "", id: fields.id ?? "", data: fields.data };
    }
  }
}
