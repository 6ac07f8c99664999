import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { plan } from "../../schema/media.ts";
import { NO_COOKIES } from "../../schema/wire/cookies.ts";
import type { RunRequest } from "../../schema/wire/run.ts";
import type { MalformedInput } from "./malformed-media.ts";
import type { Origin } from "./origin.ts";
import { listen } from "./ports.ts";
import type { ProcessorProcess } from "./processor-process.ts";
import type { ScriptedWorker } from "./scripted-worker.ts";

/** A run is cancelled after this time: whether it ends on its own is not under test. */
const PATIENCE_MS = 20_000;

/** A storage that accepts everything and answers as it is instructed. */
export interface DamagedStorage {
  readonly host: string;
  response: Buffer;
  close(): Promise<void>;
}

export async function startDamagedStorage(): Promise<DamagedStorage> {
  const storage = { host: "", response: Buffer.alloc(0), close: async () => {} };
  const server = createServer((request, response) => {
    request.resume();
    request.once("end", () => response.writeHead(200, { etag: '"a"' }).end(storage.response));
  });
  const port = await listen(server);
  return Object.assign(storage, {
    host: `127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

export interface DamagedSources {
  readonly origin: Origin;
  readonly storage: DamagedStorage;
  readonly worker: ScriptedWorker;
  readonly processor: ProcessorProcess;
  /** Where undamaged runs deliver. */
  readonly target: RunRequest["target"];
}

/** Feeds an input to a real processor. @returns the result, in a word; and every response */
export async function meet(
  sources: DamagedSources,
  { bytes, extension, kind }: MalformedInput,
  index: number,
): Promise<{ word: string; answered: string }> {
  const { origin, processor, storage } = sources;
  const path = `/${index}${extension}`;
  origin.put(path, bytes);
  if (kind === "storage") {
    storage.response = bytes;
    const endpoint = `http://${storage.host}`;
    const target = { ...sources.target, endpoint } as RunRequest["target"];
    return run(sources, `${origin.url}/media.mp4`, { target });
  }
  if (kind === "feed") {
    const content = { v: 1, kind: "list", url: origin.url + path, timeout_ms: PATIENCE_MS, max_entries: 50 };
    return probe(processor, content);
  }
  if (["vtt", "ttml", "srt", "ass", "words"].includes(kind)) {
    origin.put(
      `/${index}-subs.m3u8`,
      Buffer.from(`#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n${index}${extension}\n#EXT-X-ENDLIST\n`),
    );
    origin.put(
      `/${index}-master.m3u8`,
      Buffer.from(
        `#EXTM3U\n#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="English",LANGUAGE="en",URI="${index}-subs.m3u8"\n#EXT-X-STREAM-INF:BANDWIDTH=100000,RESOLUTION=64x36,CODECS="avc1.42c01f,mp4a.40.2",SUBTITLES="s"\nhls/index.m3u8\n`,
      ),
    );
    return run(sources, `${origin.url}/${index}-master.m3u8`, { subtitles: { languages: ["en"] } });
  }
  if (kind === "ts") {
    origin.put(
      `/${index}.m3u8`,
      Buffer.from(
        `#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\n${index}.ts\n#EXTINF:1,\n${index}.ts\n#EXT-X-ENDLIST\n`,
      ),
    );
    return run(sources, `${origin.url}/${index}.m3u8`, {});
  }
  if (index % 2 === 0) return probe(processor, { v: 1, kind: "metadata", url: origin.url + path });
  return run(sources, origin.url + path, { thumbnail: true });
}

async function probe(
  processor: ProcessorProcess,
  content: unknown,
): Promise<{ word: string; answered: string }> {
  for (;;) {
    const response = await processor.post("/probe", content);
    const answered = await response.text();
    if (response.status !== 503) return { word: `probe ${response.status}`, answered };
    await pause(200);
  }
}

async function run(
  { processor, target, worker }: DamagedSources,
  url: string,
  change: Partial<RunRequest>,
): Promise<{ word: string; answered: string }> {
  const jobId = randomUUID();
  const body: RunRequest = {
    ...{ v: 1, job_id: jobId, attempt: 1, token: "run-token", url, ...plan({}) },
    ...{ filename: jobId, key_prefix: { base_folder: "fuzz" }, subtitles: null, thumbnail: false },
    ...{ limits: { max_filesize_bytes: 1 << 28, max_duration_seconds: null }, target, predecessor: null },
    ...{
      wait: null,
      batch: false,
      alone: false,
      recording: { asked: false, from_start: false, max_seconds: 60 },
    },
    cookies: NO_COOKIES,
    ...change,
  };
  const response = await processor.post("/runs", body);
  if (response.status !== 202) return { word: `run ${response.status}`, answered: await response.text() };
  const outcome = await Promise.race([worker.outcome(jobId), pause(PATIENCE_MS, null)]);
  if (outcome === null) {
    await fetch(`${processor.url}/runs/${jobId}`, {
      method: "DELETE",
      headers: { authorization: `Bearer ${processor.token}` },
    });
    return { word: "run cancelled", answered: "" };
  }
  const code = "code" in outcome ? ` ${String(outcome.code)}` : "";
  return { word: `run ${outcome.type}${code}`, answered: JSON.stringify(outcome) };
}
