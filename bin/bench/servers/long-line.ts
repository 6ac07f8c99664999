import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";

/** Delay in each direction, and packets that are lost in each. */
export interface LineQuality {
  readonly delayMs: number;
  readonly lossPercent: number;
  /** Largest packet in bytes. The line costs CPU time for each, so large ones leave more of it to what is measured. */
  readonly packetBytes: number;
}

const DEVICE = "bench0";
/** Where servers listen. */
export const NEAR_ADDRESS = "10.99.0.1";
/** Where clients find them, at the other end of the line. */
export const FAR_ADDRESS = "10.99.0.2";

/**
 * Shell commands that make the device of the line. For a network namespace, so that nothing else on the machine sees it; its
 * loopback interface is off at first.
 */
export const MAKE_LINE = [
  "ip link set dev lo up",
  `ip tuntap add dev ${DEVICE} mode tun`,
  `ip addr add ${NEAR_ADDRESS}/24 dev ${DEVICE}`,
  `ip link set dev ${DEVICE} up txqueuelen 10000`,
].join(" && ");

/** Lets the line carry packets while `work` runs. @throws Error if it cannot */
export async function onLongLine<T>(quality: LineQuality, work: () => Promise<T>): Promise<T> {
  const { delayMs, lossPercent, packetBytes } = quality;
  await promisify(execFile)("ip", ["link", "set", "dev", DEVICE, "mtu", `${packetBytes}`]);
  const program = join(import.meta.dirname, "long-line.py");
  const child = spawn("python3", [program, DEVICE, `${delayMs}`, `${lossPercent}`], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const started = await Promise.race([once(child.stdout, "data"), exited.then(() => null)]);
  if (started === null) throw new Error("The long line could not be made");
  try {
    return await work();
  } finally {
    child.stdin.end();
    await exited;
  }
}
