import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import {
  Heartbeat,
  Outcome,
  PublishRequest,
  RecordingStarted,
  SourceFound,
  UploadStarted,
} from "../../schema/wire/callback.ts";
import { KnownRequest } from "../../schema/wire/reuse.ts";
import type { DeliveredFile } from "../../schema/wire/run.ts";
import type { SourceIdentity } from "../../schema/wire/source-identity.ts";
import { listen } from "./ports.ts";

/** What a run reported of its source. */
interface ReportedIdentity {
  readonly jobId: string;
  readonly kind: string;
  readonly identity: SourceIdentity | undefined;
  readonly sha256?: string | undefined;
}

/** The Worker's side of one run, scripted: which reports it accepts and how it answers. */
export interface ScriptedWorker {
  readonly url: string;
  readonly heartbeats: readonly Heartbeat[];
  readonly uploads: readonly UploadStarted[];
  /** Where recordings reported that their pieces are. */
  readonly recordings: readonly string[];
  /** Runs that asked for permission to publish. */
  readonly published: readonly string[];
  /** Whose media runs reported, before they fetched it and when they asked for permission to publish. */
  readonly identities: readonly ReportedIdentity[];
  /** Files that runs may copy, by the site's name for their media or by their SHA-256. */
  readonly known: Map<string, DeliveredFile>;
  /** Jobs that no longer own their files. */
  readonly lost: Set<string>;
  /** From now on every report about this job is answered as if another run owned it. */
  disown(jobId: string): void;
  /** Answers the next reports of a kind with this status before it accepts one. */
  failNext(kind: "upload" | "source" | "publish" | "outcome", ...statuses: number[]): void;
  /** Resolves with the outcome of a job. */
  outcome(jobId: string): Promise<Outcome["outcome"]>;
  /** Resolves when a heartbeat reports this about a job. */
  heartbeat(jobId: string, matches: (run: Heartbeat["runs"][number]) => boolean): Promise<void>;
  close(): Promise<void>;
}

export async function startScriptedWorker(): Promise<ScriptedWorker> {
  const heartbeats: Heartbeat[] = [];
  const uploads: UploadStarted[] = [];
  const recordings: string[] = [];
  const published: string[] = [];
  const identities: ReportedIdentity[] = [];
  const disowned = new Set<string>();
  const failures = new Map<string, number[]>();
  const files = { known: new Map<string, DeliveredFile>(), lost: new Set<string>() };
  const outcomes = new Map<string, PromiseWithResolvers<Outcome["outcome"]>>();
  const watchers: {
    jobId: string;
    matches: (run: Heartbeat["runs"][number]) => boolean;
    resolve: () => void;
  }[] = [];

  const outcomeOf = (jobId: string) => {
    const known = outcomes.get(jobId) ?? Promise.withResolvers<Outcome["outcome"]>();
    outcomes.set(jobId, known);
    return known;
  };

  function onHeartbeat(body: unknown): object {
    const heartbeat = Heartbeat.parse(body);
    heartbeats.push(heartbeat);
    for (const watcher of watchers) {
      if (heartbeat.runs.some((run) => run.job_id === watcher.jobId && watcher.matches(run)))
        watcher.resolve();
    }
    const runs = heartbeat.runs.map(({ job_id, attempt }) => ({
      job_id,
      attempt,
      verdict: disowned.has(job_id) ? "stop" : "go_on",
    }));
    return { v: 1, runs };
  }

  function onReport(jobId: string, kind: string, body: unknown): number {
    const failure = failures.get(kind)?.shift();
    if (failure !== undefined) return failure;
    if (disowned.has(jobId)) return 409;
    if (kind === "upload") uploads.push(UploadStarted.parse(body));
    if (kind === "recording") recordings.push(RecordingStarted.parse(body).key);
    if (kind === "publish") published.push(jobId);
    if (kind === "publish") identities.push({ jobId, kind, ...reported(PublishRequest.parse(body)) });
    if (kind === "source") identities.push({ jobId, kind, ...reported(SourceFound.parse(body)) });
    if (kind === "outcome") outcomeOf(jobId).resolve(Outcome.parse(body).outcome);
    return 200;
  }

  /** What is answered to a run that may copy another job's file. */
  function onCopy(kind: string, body: unknown): object {
    if (kind === "known") {
      const { media, sha256 } = KnownRequest.parse(body);
      return { v: 1, file: files.known.get(media ?? sha256 ?? "") ?? null };
    }
    const copied = kind === "publish" ? PublishRequest.parse(body).copy_of : undefined;
    return { v: 1, status: copied !== undefined && files.lost.has(copied) ? "source_lost" : "ok" };
  }

  const server = createServer(async (request, response) => {
    const body = await json(request);
    const report = /^\/internal\/runs\/([^/]+)\/(\w+)$/.exec(request.url ?? "");
    if (request.url === "/internal/heartbeat") response.end(JSON.stringify(onHeartbeat(body)));
    else if (report) {
      const [, jobId = "", kind = ""] = report;
      const status = onReport(jobId, kind, body);
      response.writeHead(status).end(JSON.stringify(status === 200 ? onCopy(kind, body) : {}));
    } else response.writeHead(404).end();
  });
  const port = await listen(server);

  return {
    ...files,
    url: `http://127.0.0.1:${port}`,
    heartbeats,
    uploads,
    recordings,
    published,
    identities,
    disown: (jobId) => void disowned.add(jobId),
    failNext: (kind, ...statuses) => void failures.set(kind, statuses),
    outcome: (jobId) => outcomeOf(jobId).promise,
    heartbeat: (jobId, matches) => new Promise((resolve) => watchers.push({ jobId, matches, resolve })),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const reported = ({ identity, sha256 }: Pick<PublishRequest, "identity" | "sha256">) => ({
  identity,
  sha256,
});
