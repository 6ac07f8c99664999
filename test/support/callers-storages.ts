import http from "node:http";
import type { InlineStorage } from "../../schema/api/storage.ts";
import { type Azurite, startAzurite } from "./azurite.ts";
import { startFaultyProxy } from "./faulty-proxy.ts";
import { startGcsDouble } from "./gcs-double.ts";
import { startOssDouble } from "./oss-double.ts";
import { listen } from "./ports.ts";
import { startS3 } from "./s3-server.ts";

export type ProviderName = "s3" | "blob" | "gcs" | "oss";
export const PROVIDER_NAMES = ["s3", "blob", "gcs", "oss"] as const;

/** Storage of callers at all four providers, with control over the connection to it. */
export interface CallersStorages {
  /** As callers send it. */
  readonly storages: Readonly<Record<ProviderName, InlineStorage>>;
  /** For `ALLOWED_PRIVATE_HOSTS`. */
  readonly hosts: string;
  readonly azurite: Azurite;
  /** The secrets of each storage. */
  readonly secrets: readonly string[];
  /** A storage of Azure with a token that no other call returns. */
  sasStorage(): InlineStorage & { readonly sas_token: string };
  /** Holds back all parts of uploads until they are released. */
  holdParts(): HeldParts;
  /** Keys of uploads that were begun and neither completed nor aborted. */
  unfinished(provider: ProviderName): Promise<string[]>;
  close(): Promise<void>;
}

/** Parts that are held back before they reach the storages. */
export interface HeldParts {
  /**
   * Resolves when a part is held back on its way to each storage: by then, every upload has been reported to the
   * Worker.
   */
  readonly reached: Promise<void>;
  readonly release: () => void;
}

/** The block of an upload to Azure that represents the upload itself. */
const MARKER = /-99999$/;

export async function startCallersStorages(): Promise<CallersStorages> {
  const [s3, azurite, gcs, oss] = await Promise.all([
    startS3(),
    startAzurite(),
    startGcsDouble(),
    startOssDouble(),
  ]);
  const named = await startNamedHost(oss.origin, `${oss.bucket}.oss-${oss.region}.aliyuncs.com`);
  let held: { readonly until: Promise<void>; readonly waitsFor: (target: string) => void } | null = null;
  const holdFor = (target: string) => (request: string) => {
    if (held === null || !isPart(request)) return "pass" as const;
    held.waitsFor(target);
    return { until: held.until };
  };
  const targets = [new URL(s3.endpoint).origin, new URL(azurite.endpoint).origin, gcs.origin, named.origin];
  const proxies = await Promise.all(targets.map((target) => startFaultyProxy(target, holdFor(target))));
  const [toS3 = "", toAzure = "", toGcs = "", toOss = ""] = proxies.map(({ origin }) => origin);
  const blob = {
    provider: "blob" as const,
    account_name: azurite.accountName,
    container: azurite.container,
    endpoint: toAzure + new URL(azurite.endpoint).pathname,
  };
  const keyFile = {
    type: "service_account",
    client_email: gcs.account.clientEmail,
    private_key: gcs.account.privateKey,
    token_uri: `${toGcs}/token`,
  };
  let tokens = 0;
  return {
    azurite,
    storages: {
      s3: {
        provider: "s3",
        endpoint: toS3 + new URL(s3.endpoint).pathname,
        bucket: s3.bucket,
        region: s3.region,
        access_key: s3.accessKeyId,
        secret_key: s3.secretAccessKey,
      },
      blob: { ...blob, account_key: azurite.accountKey },
      gcs: {
        provider: "gcs",
        project_id: gcs.account.projectId,
        bucket: gcs.bucket,
        endpoint: toGcs,
        service_account_json: Buffer.from(JSON.stringify(keyFile)).toString("base64"),
      },
      oss: {
        provider: "oss",
        endpoint: toOss,
        bucket: oss.bucket,
        access_key_id: oss.accessKeyId,
        access_key_secret: oss.accessKeySecret,
      },
    },
    hosts: proxies.map(({ origin }) => new URL(origin).host).join(","),
    secrets: [s3.secretAccessKey, azurite.accountKey, gcs.account.privateKey, oss.accessKeySecret],
    sasStorage: () => {
      tokens += 1;
      const expiry = new Date(Date.now() + 3_600_000 + tokens * 60_000);
      return { ...blob, sas_token: azurite.sasToken("rcwd", expiry) };
    },
    holdParts() {
      const released = Promise.withResolvers<void>();
      const reached = Promise.withResolvers<void>();
      const missing = new Set(targets);
      const waitsFor = (target: string) => {
        missing.delete(target);
        if (missing.size === 0) reached.resolve();
      };
      held = { until: released.promise, waitsFor };
      const release = () => {
        held = null;
        released.resolve();
      };
      return { reached: reached.promise, release };
    },
    async unfinished(provider) {
      if (provider === "s3") return s3.unfinishedUploads();
      if (provider === "blob") return azurite.unfinished();
      return (provider === "gcs" ? gcs : oss).unfinished();
    },
    async close() {
      await Promise.all([...proxies, named].map((proxy) => proxy.close()));
      await Promise.all([s3, azurite, gcs, oss].map((server) => server.close()));
    },
  };
}

function isPart(request: string): boolean {
  const [method, path = ""] = request.split(" ");
  const query = new URL(path, "http://storage").searchParams;
  const block = query.get("comp") === "block" ? Buffer.from(query.get("blockid") ?? "", "base64") : null;
  return method === "PUT" && (query.has("partNumber") || (block !== null && !MARKER.test(block.toString())));
}

/** Gives a server whose buckets have separate host names an address that needs no resolver. */
async function startNamedHost(target: string, host: string) {
  const agent = new http.Agent({ keepAlive: true });
  const server = http.createServer((req, res) => {
    const { hostname, port } = new URL(target);
    const { method, url: path } = req;
    const upstream = http.request({ agent, hostname, port, method, path, headers: { ...req.headers, host } });
    upstream.on("error", () => res.destroy());
    upstream.on("response", (response) => {
      res.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(res);
    });
    req.pipe(upstream);
  });
  const origin = `http://127.0.0.1:${await listen(server)}`;
  return {
    origin,
    async close() {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
