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
import { MAKE_LINE } from "./servers/long-line.ts";

/** Set in the process that trusts the authority: the folder of its files. */
const VARIABLE = "BENCH_AUTHORITY";
/** Set in a process that also has a network of its own, with the device of the long line. */
const LINE_VARIABLE = "BENCH_LONG_LINE";

/** The authority that this process and its children trust; null if it is not such a process. */
export function trustedAuthority(): Authority | null {
  const folder = process.env[VARIABLE];
  return folder === undefined ? null : authorityIn(folder);
}

/** Whether this process has the device of the long line. */
export const hasLongLine = (): boolean => process.env[LINE_VARIABLE] !== undefined;

/** Mounts a bundle over the system's for one program and all that it starts; nothing else on the machine sees it. */
const MOUNTED = `mount --bind "$1" ${SYSTEM_BUNDLE} && shift && exec "$@"`;

/** Arguments of `unshare`, and what is done in the new namespaces before the program. */
interface Namespace {
  readonly flags: readonly string[];
  readonly script: string;
}

/**
 * Runs this program again, so that it and every tool it starts trust an authority of its own. Tools such as yt-dlp read
 * the system's bundle and nothing else, so the bundle is exchanged in a mount namespace. Where it
 * may, it also gets a network namespace with a device for the long line.
 *
 * @returns the exit code; null if the machine does not allow it, and TLS cannot be measured
 */
export async function runTrusting(log: (line: string) => void): Promise<number | null> {
  const folder = await mkdtemp(join(tmpdir(), "waterspout-authority-"));
  try {
    const authority = await makeAuthority(folder);
    const bundle = await writeBundle(folder, authority);
    const isRoot = process.getuid?.() === 0;
    const user = isRoot ? [] : ["--map-root-user"];
    const mounted: Namespace = { flags: ["--mount", ...user], script: MOUNTED };
    const networked: Namespace = {
      flags: ["--mount", "--net", ...user],
      script: `${MAKE_LINE} && ${MOUNTED}`,
    };
    const within = ({ flags, script }: Namespace, ...command: string[]) => [
      ...[...flags, "sh", "-c", script, "sh", bundle],
      ...command,
    ];
    const works = async (namespace: Namespace) =>
      (await once(spawn("unshare", within(namespace, "true"), { stdio: "ignore" }), "exit"))[0] === 0;
    const hasLine = await works(networked);
    if (!hasLine && !(await works(mounted))) return null;
    const program = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
    const child = spawn("unshare", within(hasLine ? networked : mounted, ...program), {
      stdio: "inherit",
      env: {
        ...{ ...process.env, [VARIABLE]: folder, NODE_EXTRA_CA_CERTS: authority.root },
        ...(hasLine ? { [LINE_VARIABLE]: "1" } : {}),
      },
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
