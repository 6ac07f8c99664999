import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BenchOptions } from "../options.ts";
import { FAR_ADDRESS, NEAR_ADDRESS } from "../servers/long-line.ts";
import { startNginx } from "../servers/nginx.ts";
import { type Peer, startPeer } from "../servers/peer.ts";
import { FIRST_BYTES, type ServerProcess, startServer } from "../servers/server-process.ts";
import { startTools, type Tools } from "../servers/tool-peers.ts";
import { hasLongLine, trustedAuthority } from "../trust.ts";
import { type Floor, startFloor } from "./floor-runner.ts";
import { ensureMedia, MEDIA_FOLDER } from "./media.ts";
import { type Relay, startRelay } from "./relay/relay-runner.ts";

/** Where media comes from and goes to. */
export interface Line {
  /** `scheme://host:port` */
  readonly origin: string;
  readonly s3: string;
}

/** What all parts that transfer media need. */
export interface Bench {
  readonly options: BenchOptions;
  readonly log: (line: string) => void;
  /** Folder for everything that a bench writes; removed at its end. */
  readonly folder: string;
  /** Servers without TLS. */
  readonly origin: Pick<ServerProcess, "url" | "host">;
  readonly s3: Pick<ServerProcess, "url" | "host">;
  readonly lines: {
    readonly http: Line;
    readonly tls: Line | null;
    /** With TLS, at the other end of the long line, see `onLongLine`. */
    readonly far: Line | null;
  };
  /** When each key of the storage got its first bytes, since the last call: epoch milliseconds by path. */
  firstBytes(): Promise<ReadonlyMap<string, number>>;
  /** `host:port` of all origins. */
  readonly origins: readonly string[];
  /** Command lines of other tools that are installed. */
  readonly tools: Tools;
  readonly peer: Peer;
  readonly floor: Floor;
  readonly relay: Relay;
}

/** Creates the media, starts the servers, runs `work`, and removes everything again. */
export async function withBench<T>(
  options: BenchOptions,
  log: (line: string) => void,
  work: (bench: Bench) => Promise<T>,
): Promise<T> {
  await ensureMedia(log, options.size);
  const folder = await mkdtemp(join(tmpdir(), "waterspout-bench-"));
  const undo: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    const started = async <S extends { stop(): Promise<void> }>(starting: Promise<S>): Promise<S> => {
      const part = await starting;
      undo.push(() => part.stop());
      return part;
    };
    const authority = trustedAuthority();
    const files = authority ? [authority.certificate, authority.key] : [];
    const origin = await started(startServer("origin.ts", [MEDIA_FOLDER, ...files]));
    const s3 = await started(startServer("null-s3.ts", files));
    const servers = { origin: origin.host, s3: s3.host };
    const address = hasLongLine() ? NEAR_ADDRESS : null;
    const nginx = await startNginx({ folder, mediaFolder: MEDIA_FOLDER, ...servers, authority, address });
    if (nginx) undo.push(() => nginx.stop());
    else log("nginx is not installed: the servers of this bench are slower, and TLS costs them more");
    const hosts = {
      http: nginx ? at(nginx.origin.http) : origin.host,
      https: nginx ? nginx.origin.https && at(nginx.origin.https) : origin.tlsHost,
      s3: nginx ? at(nginx.s3.http) : s3.host,
      s3Tls: nginx ? nginx.s3.https && at(nginx.s3.https) : s3.tlsHost,
    };
    if (!hosts.https) log("TLS is not measured: this machine has no openssl, or allows no mount namespace");
    const far = (port: number) => `${FAR_ADDRESS}:${port}`;
    const farHosts =
      address && nginx?.origin.https && nginx.s3.https
        ? { origin: far(nginx.origin.https), s3: far(nginx.s3.https) }
        : null;
    if (!farHosts)
      log("long lines are not measured: they need nginx, and a network namespace with a TUN device");
    return await work({
      ...{ options, log, folder },
      origin: { host: hosts.http, url: `http://${hosts.http}` },
      s3: { host: hosts.s3, url: `http://${hosts.s3}` },
      lines: {
        http: { origin: `http://${hosts.http}`, s3: `http://${hosts.s3}` },
        tls: hosts.https ? { origin: `https://${hosts.https}`, s3: `https://${hosts.s3Tls}` } : null,
        far: farHosts && { origin: `https://${farHosts.origin}`, s3: `https://${farHosts.s3}` },
      },
      firstBytes: async () =>
        new Map((await (await fetch(`${s3.url}${FIRST_BYTES}`)).json()) as [string, number][]),
      origins: [hosts.http, ...(hosts.https ? [hosts.https] : []), ...(farHosts ? [farHosts.origin] : [])],
      peer: await started(startPeer(folder)),
      floor: await started(startFloor()),
      relay: await started(startRelay()),
      tools: await startTools(folder, options.peers, log),
    });
  } finally {
    for (const step of undo.reverse()) await step();
  }
}

const at = (port: number): string => `127.0.0.1:${port}`;
