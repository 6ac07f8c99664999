import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Deliveries } from "../delivered.ts";
import type { Origin } from "../origin.ts";
import type { DifferentialCase } from "./cases.ts";
import { compare, type Results, type Row } from "./compare.ts";
import { measure, type Worth } from "./measure.ts";

const run = promisify(execFile);
const PEER_TIMEOUT_MS = 90_000;

export interface Differential {
  readonly origin: Origin;
  readonly deliveries: Deliveries;
}

/** Runs both on the same source, and compares the results. */
export async function runCase(
  { deliveries, origin }: Differential,
  one: DifferentialCase,
  index: number,
): Promise<Row> {
  const folder = `/${index}`;
  const files = await one.files();
  for (const [name, bytes] of files) origin.put(`${folder}/${name}`, bytes);
  const url = `${origin.url}${folder}/${[...files.keys()][0]}`;
  const misbehave = () => origin.behave(`${folder}/`, one.behaviour ?? {});
  misbehave();
  const ours = await ourResult(deliveries, url, one, index);
  // what a server does only a few times, it does for each
  misbehave();
  return compare(one, { ...ours, peer: await peerResult(url) });
}

async function ourResult(
  deliveries: Deliveries,
  url: string,
  { request }: DifferentialCase,
  index: number,
): Promise<Pick<Results, "ours" | "ended">> {
  try {
    const { delivery, path } = await deliveries.deliver(url, request, { filename: `case-${index}` });
    return { ours: { worth: await measure(path), adjustments: delivery.adjustments }, ended: "completed" };
  } catch (error) {
    return { ours: null, ended: error instanceof Error ? error.message.slice(0, 300) : String(error) };
  }
}

/** What yt-dlp with ffmpeg makes of it, without special options. */
async function peerResult(url: string): Promise<Worth | null> {
  const folder = await mkdtemp(join(tmpdir(), "peer-"));
  try {
    const args = ["--no-config", "--no-cache-dir", "--quiet", "--no-warnings", "--no-part"];
    await run("yt-dlp", [...args, "-o", join(folder, "peer.%(ext)s"), url], { timeout: PEER_TIMEOUT_MS });
    const [file] = await readdir(folder);
    return file === undefined ? null : await measure(join(folder, file));
  } catch {
    return null;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
