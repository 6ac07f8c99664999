import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { freePort } from "../../stack/ports.ts";
import { until } from "../until.ts";
import type { Authority } from "./authority.ts";
import { CAPPED_RATE } from "./rates.ts";

export interface NginxOptions {
  /** For its configuration and its temporary files. */
  readonly folder: string;
  readonly mediaFolder: string;
  /** `host:port` of the servers that it passes slow lines and the storage's requests to. */
  readonly origin: string;
  readonly s3: string;
  /** Null: no TLS. */
  readonly authority: Authority | null;
  /** A further address that it listens on with TLS; null for none. */
  readonly address: string | null;
}

/** Ports of its loopback servers; null where there is no TLS. */
export interface Nginx {
  readonly origin: { readonly http: number; readonly https: number | null };
  readonly s3: { readonly http: number; readonly https: number | null };
  stop(): Promise<void>;
}

const TEMPORARY = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] as const;

/**
 * Settings of glibc: memory for bodies is kept. By default, each is new memory, which the kernel has to clear: a third
 * of what an upload costs nginx.
 */
const KEPT_MEMORY = { MALLOC_MMAP_THRESHOLD_: `${32 << 20}`, MALLOC_TRIM_THRESHOLD_: `${1 << 30}` } as const;

/**
 * Serves the media and takes the uploads, so that the speed of these servers is not what a bench measures. An upload's
 * body is read into memory and dropped; the S3 server only hears how long it was.
 *
 * @returns null if nginx is not installed
 */
export async function startNginx(options: NginxOptions): Promise<Nginx | null> {
  const folder = join(options.folder, "nginx");
  await mkdir(folder, { recursive: true });
  const tls = options.authority !== null;
  const ports = {
    origin: { http: await freePort(), https: tls ? await freePort() : null },
    s3: { http: await freePort(), https: tls ? await freePort() : null },
  };
  const file = join(folder, "nginx.conf");
  await writeFile(file, configuration(folder, options, ports));
  const child = spawn("nginx", ["-p", folder, "-c", file, "-e", join(folder, "error.log")], {
    stdio: "inherit",
    env: { ...process.env, ...KEPT_MEMORY },
  });
  const exited = once(child, "exit").catch(() => ["not installed"]);
  let isOver = false;
  void exited.then(() => {
    isOver = true;
  });
  await until(async () => isOver || (await accepts(ports.s3.http)), 10_000);
  if (isOver) return null;
  return {
    ...ports,
    stop: async () => {
      child.kill("SIGTERM");
      await exited;
    },
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

function configuration(
  folder: string,
  { address, authority, mediaFolder, origin, s3 }: NginxOptions,
  ports: Omit<Nginx, "stop">,
): string {
  const listen = ({ http, https }: Nginx["origin"]) =>
    [
      `listen 127.0.0.1:${http};`,
      ...(https === null ? [] : [`listen 127.0.0.1:${https} ssl;`]),
      ...(https === null || address === null ? [] : [`listen ${address}:${https} ssl;`]),
    ].join(" ");
  const through = (target: string) =>
    `proxy_pass http://${target}; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;`;
  return `
worker_processes 2;
daemon off;
pid ${folder}/nginx.pid;
${process.getuid?.() === 0 ? "user root;" : ""}
events { worker_connections 4096; }
http {
  access_log off;
  sendfile on;
  tcp_nodelay on;
  keepalive_requests 1000000;
  keepalive_timeout 60s;
  client_max_body_size 0;
  client_body_buffer_size 65m;
  ${TEMPORARY.map((name) => `${name}_temp_path ${folder}/${name};`).join(" ")}
  types {
    video/mp4 mp4; audio/mp4 m4a; video/iso.segment m4s; application/vnd.apple.mpegurl m3u8;
    application/dash+xml mpd; video/mp2t ts;
  }
  ${authority ? `ssl_certificate ${authority.certificate}; ssl_certificate_key ${authority.key};` : ""}
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_session_cache shared:bench:4m;
  server {
    ${listen(ports.origin)}
    location /fast/ { alias ${mediaFolder}/; }
    location /capped/ { alias ${mediaFolder}/; limit_rate ${CAPPED_RATE}; }
    location / { ${through(origin)} proxy_buffering off; }
  }
  server {
    ${listen(ports.s3)}
    location / { ${through(s3)} proxy_pass_request_body off; proxy_set_header Content-Length ""; proxy_set_header X-Body-Bytes $content_length; }
    location /shaped/ { ${through(s3)} proxy_request_buffering off; }
  }
}
`;
}
