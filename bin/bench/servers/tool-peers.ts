import { execFile, spawnSync } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { S3Target } from "../../../schema/wire/run.ts";
import { commandLine } from "./peer.ts";
import { endedChildrenCpuSeconds } from "./process-facts.ts";

/** Forms of media, as the cases of the bench name them. */
export type Form = "progressive" | "split" | "hls" | "dash";

/** One command line that delivers media as a skilled person would type it. */
export interface ToolPeer {
  readonly name: string;
  readonly forms: readonly Form[];
  /**
   * @param group a file that the command writes its process id into, see `HalfCore`
   * @throws Error with what the tools wrote
   */
  deliver(url: string, target: S3Target, group?: string): Promise<ToolDelivery>;
}

export interface ToolDelivery {
  readonly ms: number;
  /** Null if unknown. */
  readonly cpuSeconds: number | null;
}

export interface Tools {
  readonly peers: readonly ToolPeer[];
  /** One line for each tool: its version. */
  readonly versions: readonly string[];
}

interface Recipe {
  readonly name: string;
  readonly needs: readonly string[];
  readonly forms: readonly Form[];
  /** A shell script; `$1` is the source, `$2` the bucket and `$3` a file. */
  readonly script: string;
}

const { YTDLP_PATH: ytdlp = "yt-dlp" } = process.env;

const OBJECT = "peer.mp4";
const PUT_FILE = `rclone copyto "$3" "BENCH:$2/${OBJECT}"`;
const QUOTED = commandLine("URL")
  .slice(0, -1)
  .map((word) => `'${word}'`);

const RECIPES: readonly Recipe[] = [
  {
    ...{ name: "rclone copyurl", needs: ["rclone"], forms: ["progressive"] },
    script: `rclone copyurl "$1" "BENCH:$2/${OBJECT}"`,
  },
  {
    ...{ name: "aria2c -x16, rclone", needs: ["aria2c", "rclone"], forms: ["progressive"] },
    script: `aria2c -q -x16 -s16 --ca-certificate=/etc/ssl/certs/ca-certificates.crt -d "$(dirname "$3")" -o "$(basename "$3")" "$1" && ${PUT_FILE}`,
  },
  {
    ...{ name: "yt-dlp -N 16, rclone", needs: ["rclone"], forms: ["progressive", "split", "hls", "dash"] },
    script: `cd "$(dirname "$3")" && '${ytdlp}' ${QUOTED.join(" ")} -N 16 -o "$3" "$1" && ${PUT_FILE}`,
  },
  {
    ...{ name: "curl, aws s3 cp", needs: ["curl", "aws"], forms: ["progressive"] },
    script: `curl -sf "$1" | aws s3 cp --only-show-errors - "s3://$2/${OBJECT}" --endpoint-url "$S3_ENDPOINT" --ca-bundle /etc/ssl/certs/ca-certificates.crt`,
  },
];

const VERSION_FLAGS: Readonly<Record<string, string>> = {
  rclone: "version",
  aria2c: "--version",
  curl: "--version",
  aws: "--version",
};

/**
 * Looks for the tools; a peer whose tools are missing is left out, and the log says so.
 *
 * @param wanted parts of names; empty for all
 */
export async function startTools(
  folder: string,
  wanted: readonly string[],
  log: (line: string) => void,
): Promise<Tools> {
  const versions = new Map<string, string | null>();
  const versionOf = (tool: string) => {
    if (!versions.has(tool)) versions.set(tool, readVersion(tool));
    return versions.get(tool) ?? null;
  };
  const asked = RECIPES.filter(
    ({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)),
  );
  const usable = asked.filter(({ name, needs }) => {
    const missing = needs.filter((tool) => versionOf(tool) === null);
    if (missing.length > 0) log(`without the peer "${name}": ${missing.join(" and ")} is not installed`);
    return missing.length === 0;
  });
  const found = [...versions].flatMap(([, version]) => (version === null ? [] : [version]));
  return { peers: usable.map((recipe) => toolPeer(recipe, join(folder, "tools"))), versions: found };
}

function readVersion(tool: string): string | null {
  const { status, stdout } = spawnSync(tool, [VERSION_FLAGS[tool] ?? "--version"], { encoding: "utf8" });
  return status === 0 ? (stdout.split("\n")[0] ?? "") : null;
}

const ENTER_GROUP = '[ -z "$GROUP" ] || echo $$ > "$GROUP"';

function toolPeer({ forms, name, script }: Recipe, parent: string): ToolPeer {
  let count = 0;
  return {
    ...{ name, forms },
    async deliver(url, target, group = "") {
      // several may run at the same time
      const number = count++;
      const folder = join(parent, `${number}`);
      await mkdir(folder, { recursive: true });
      const place = `${target.bucket}/bench-${number}`;
      const commands = `${ENTER_GROUP}; ${script}`;
      const args = ["-ec", commands, "sh", url, place, join(folder, "media.mp4")];
      const cpuBefore = endedChildrenCpuSeconds();
      const startedAt = performance.now();
      await promisify(execFile)("sh", args, {
        env: { ...process.env, ...settings(folder, target), GROUP: group },
      });
      const ms = performance.now() - startedAt;
      const cpu = endedChildrenCpuSeconds();
      await rm(folder, { recursive: true, force: true });
      const cpuSeconds = cpu === null || cpuBefore === null ? null : cpu - cpuBefore;
      return { ms, cpuSeconds };
    },
  };
}

/** Every tool takes its settings from variables, so that a command line is as short as in practice. */
const settings = (folder: string, { access_key, endpoint, region, secret_key }: S3Target) => ({
  ...{ RCLONE_CONFIG: join(folder, "none.conf"), RCLONE_CONFIG_BENCH_TYPE: "s3" },
  ...{ RCLONE_CONFIG_BENCH_PROVIDER: "Other", RCLONE_CONFIG_BENCH_ENDPOINT: endpoint },
  ...{ RCLONE_CONFIG_BENCH_ACCESS_KEY_ID: access_key, RCLONE_CONFIG_BENCH_SECRET_ACCESS_KEY: secret_key },
  ...{ RCLONE_CONFIG_BENCH_REGION: region, RCLONE_CONFIG_BENCH_NO_CHECK_BUCKET: "true" },
  ...{ RCLONE_CONFIG_BENCH_FORCE_PATH_STYLE: "true" },
  ...{ AWS_ACCESS_KEY_ID: access_key, AWS_SECRET_ACCESS_KEY: secret_key, AWS_REGION: region },
  ...{
    AWS_DEFAULT_REGION: region,
    S3_ENDPOINT: endpoint,
    AWS_CONFIG_FILE: join(folder, "none"),
    // rclone does not start with it
    AWS_CA_BUNDLE: undefined,
  },
});
