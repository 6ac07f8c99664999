import https from "node:https";
import tls from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HostLimits } from "../../processor/egress/host-limits.ts";
import { HttpClient } from "../../processor/egress/http-client.ts";
import { EgressPolicy } from "../../processor/egress/policy.ts";
import { openRangeSource } from "../../processor/egress/range-source.ts";
import { S3ObjectStore } from "../../processor/storage/s3/s3.ts";
import { PartUploader } from "../../processor/storage/uploads/part-uploader.ts";
import { uploadRanges } from "../../processor/storage/uploads/upload-ranges.ts";
import { inlineDigest } from "../support/inline-digest.ts";
import { patternedBytes } from "../support/media.ts";
import { MultipartStore, sendRefusal } from "../support/multipart-store.ts";
import { listen } from "../support/ports.ts";
import { TEST_CERTIFICATE, TEST_KEY } from "../support/test-certificate.ts";

/** Many files of one host, as the episodes of a podcast: what their connections cost both ends. */

const EPISODES = 100;
/** Runs at the same time. */
const AT_ONCE = 4;
const never = new AbortController().signal;
const media = patternedBytes(700_000);
const trusted = tls.getCACertificates("default");
const policies: EgressPolicy[] = [];
let storage: MultipartStore;
let [source, bucket]: (Ended | undefined)[] = [];

/** A server that counts handshakes. */
interface Ended {
  readonly port: number;
  readonly handshakes: { full: number; resumed: number };
  close(): void;
}

async function start(listener: Parameters<typeof https.createServer>[1]): Promise<Ended> {
  const handshakes = { full: 0, resumed: 0 };
  const server = https.createServer({ key: TEST_KEY, cert: TEST_CERTIFICATE }, listener);
  server.on("secureConnection", (socket) => handshakes[socket.isSessionReused() ? "resumed" : "full"]++);
  return { port: await listen(server), handshakes, close: () => void server.close() };
}

beforeAll(async () => {
  tls.setDefaultCACertificates([...trusted, TEST_CERTIFICATE]);
  storage = await MultipartStore.create({
    ...{ bucket: "media", minPartBytes: 5 << 20, metadataPrefix: "x-amz-meta-", compositeEtags: true },
    ...{ copies: "parts", crc32: true },
  });
  source = await start((request, response) => {
    const [, from = "0", to = ""] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
    const body = media.subarray(Number(from), to === "" ? undefined : Number(to) + 1);
    const range = `bytes ${from}-${Number(from) + body.length - 1}/${media.length}`;
    response.writeHead(206, { "content-length": body.length, "content-range": range }).end(body);
  });
  bucket = await start((request, response) => {
    const { pathname, searchParams: query } = new URL(request.url ?? "", "https://double");
    const [, name = "", ...segments] = pathname.split("/");
    const asked = { bucket: name, key: decodeURIComponent(segments.join("/")), query };
    storage.handle(request, response, asked).catch((error) => sendRefusal(request, response, error));
  });
});
afterAll(async () => {
  for (const policy of policies) policy.close();
  source?.close();
  bucket?.close();
  tls.setDefaultCACertificates(trusted);
  await storage.close();
});

/** What a processor keeps for all its runs. */
function openProcessor() {
  const hosts = [source, bucket].map((server) => `media.example.com:${server?.port}`);
  const lookup = async () => [{ address: "127.0.0.1", family: 4 } as const];
  const policy = new EgressPolicy({ opened: new Set(hosts), lookup });
  policies.push(policy);
  return { policy, limits: new HostLimits() };
}

/** One run, with a client and an object store of its own. */
async function deliver({ limits, policy }: ReturnType<typeof openProcessor>, key: string): Promise<void> {
  const client = new HttpClient(policy, undefined, { limits });
  const url = `https://media.example.com:${source?.port}/${key}`;
  const file = await openRangeSource(client, { url, signal: never });
  const store = new S3ObjectStore({
    ...{ endpoint: `https://media.example.com:${bucket?.port}`, bucket: "media", addressing: "path" },
    ...{ region: "eu-west-1", accessKeyId: "AK", secretAccessKey: "SK" },
    agentFor: (protocol) => policy.agentFor(protocol),
  });
  const upload = await store.open({ key, contentType: "video/mp4" }, never);
  const uploader = new PartUploader({
    ...{ upload, limits: store.limits, partBytes: 5 << 20, signal: never, digest: inlineDigest() },
  });
  await uploadRanges(uploader, {
    sizeBytes: media.length,
    read: async (start, end, signal, memory) => {
      await file.readInto({ blocks: memory, start }, { start, end }, signal);
      return memory;
    },
  });
  store.close();
}

async function deliverAll(processor: ReturnType<typeof openProcessor>, count: number): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < count) await deliver(processor, `episode-${next++}`);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

describe("a hundred files of one host", () => {
  it("need a few connections to the source and the storage, not some for each file", async () => {
    await deliverAll(openProcessor(), EPISODES);
    expect(storage.keys).toHaveLength(EPISODES);
    const counted = (server: Ended | undefined) =>
      (server?.handshakes.full ?? 0) + (server?.handshakes.resumed ?? 0);
    // the rest of a file is requested while its beginning is being read
    expect(counted(source)).toBeLessThanOrEqual(2 * AT_ONCE);
    expect(counted(bucket)).toBeLessThanOrEqual(AT_ONCE);
  });
});
