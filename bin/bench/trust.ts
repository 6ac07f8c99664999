import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Authority,
  authorityIn,
  makeAuthority,
  SYSTEM_BUNDLE,
  writeBundle,
} from "./servers/authority.ts";

/** Set in the process that trusts the authority: the folder of its files. */
const VARIABLE = "BENCH_AUTHORITY";

/** The authority that this process and its children trust; null if it is not such a process. */
export function trustedAuthority(): Authority | null {
  const folder = process.env[VARIABLE];
  return folder === undefined ? null : authorityIn(folder);
}

/** Mounts a bundle over the system's for one program and all that it starts; nothing else on the machine sees it. */
const MOUNTED = `mount --bind "$1" ${SYSTEM_BUNDLE} && shift && exec "$@"`;

/**
 * Runs this program again, so that it and every tool it starts trust an authority of its own. Tools such as yt-dlp read
 * the system's bundle and nothing else, so the bundle is exchanged in a mount namespace.
 *
 * @returns the exit code; null if the machine does not allow it, and TLS cannot be measured
 */
export async function runTrusting(log: (line: string) => void): Promise<number | null> {
  const folder = await mkdtemp(join(tmpdir(), "waterspout-authority-"));
  try {
    const authority = await makeAuthority(folder);
    const bundle = await writeBundle(folder, authority);
    const isRoot = process.getuid?.() === 0;
    const namespace = ["--mount", ...(isRoot ? [] : ["--map-root-user"])];
    const within = (...command: string[]) => [...namespace, "sh", "-c", MOUNTED, "sh", bundle, ...command];
    const [works] = await once(spawn("unshare", within("true"), { stdio: "ignore" }), "exit");
    if (works !== 0) return null;
    const child = spawn("unshare", within(process.execPath, ...process.execArgv, ...process.argv.slice(1)), {
      stdio: "inherit",
      env: { ...process.env, [VARIABLE]: folder, NODE_EXTRA_CA_CERTS: authority.root },
    });
    // Ctrl-C reaches both; the child cleans up
    process.on("SIGINT", () => {});
    const [code] = await once(child, "exit");
    return code ?? 1;
  } catch (error) {
    log(`no authority could be made: ${error instanceof Error ? error.message : error}`);
    return null;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
