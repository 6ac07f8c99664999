import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { RunContext } from "../../dependencies.ts";
import { runFfmpeg } from "../../tools/ffmpeg.ts";
import { MAX_THUMBNAIL_WIDTH } from "../extras/thumbnail.ts";
import type { Cover } from "../ffmpeg-args.ts";
import type { Input } from "../inputs.ts";

/**
 * Extracts the cover of a file, as a JPEG of at most {@link MAX_THUMBNAIL_WIDTH} pixels.
 *
 * @param stream index among all streams of the file
 * @returns null if it cannot be decoded: no file fails because of its cover
 */
export async function readOwnCover(
  { folder, proxy, tools, signal }: RunContext,
  input: Pick<Input, "forTool">,
  stream: number,
): Promise<Cover | null> {
  const path = join(folder, "own-cover.jpg");
  const scale = `scale=min(${MAX_THUMBNAIL_WIDTH}\\,iw):-1,format=yuvj420p`;
  try {
    await runFfmpeg({
      ...{ inputs: [await input.forTool()], purpose: "inspect" },
      args: ["-map", `0:${stream}`, "-vf", scale, "-frames:v", "1", "-q:v", "2", "-f", "mjpeg", path],
      ...{ cwd: folder, proxy, tools, signal },
    });
    return { path, bytes: (await stat(path)).size };
  } catch {
    signal.throwIfAborted();
    return null;
  }
}
