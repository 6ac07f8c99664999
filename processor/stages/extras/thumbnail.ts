import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunContext } from "../../dependencies.ts";
import { runFfmpeg } from "../../tools/ffmpeg.ts";
import { imageFile } from "../../tools/tool-input.ts";
import type { Cover } from "../ffmpeg-args.ts";
import type { Source } from "../source.ts";
import { fetchSmall } from "./fetch-small.ts";

const MAX_IMAGE_BYTES = 20 << 20;
export const MAX_THUMBNAIL_WIDTH = 1280;
/** A source's best image may be gone or in a format that no tool reads; the next ones are usually as good. */
const MAX_CANDIDATES = 3;

/** Addresses of a source's images, best first. */
export function thumbnailUrls({ info }: Pick<Source, "info">): string[] {
  const others = Array.isArray(info.thumbnails) ? info.thumbnails.map(({ url }) => url).reverse() : [];
  const all = [info.thumbnail, ...others].filter((url) => typeof url === "string" && /^https?:/.test(url));
  return [...new Set(all as string[])].slice(0, MAX_CANDIDATES);
}

/**
 * Fetches the image of a source and converts it to a JPEG of at most {@link MAX_THUMBNAIL_WIDTH} pixels.
 *
 * @returns null when the source has none
 * @throws Fault when none of its images can be fetched
 */
export async function fetchThumbnail(context: RunContext, source: Source): Promise<Cover | null> {
  let failure: unknown = null;
  for (const [index, url] of thumbnailUrls(source).entries()) {
    try {
      return await toJpeg(context, source, url, `thumbnail.${index}`);
    } catch (error) {
      context.signal.throwIfAborted();
      failure = error;
    }
  }
  if (failure !== null) throw failure;
  return null;
}

async function toJpeg(context: RunContext, source: Source, url: string, name: string): Promise<Cover> {
  const { folder, proxy, tools, signal } = context;
  const [from, path] = [join(folder, name), join(folder, `${name}.jpg`)];
  await writeFile(from, await fetchSmall(context, source, { url, maxBytes: MAX_IMAGE_BYTES, signal }));
  const scale = `scale=min(${MAX_THUMBNAIL_WIDTH}\\,iw):-1,format=yuvj420p`;
  await runFfmpeg({
    ...{ inputs: [await imageFile(from)], purpose: "inspect" },
    args: ["-vf", scale, "-frames:v", "1", "-q:v", "3", "-f", "mjpeg", path],
    ...{ cwd: folder, proxy, tools, signal },
  });
  return { path, bytes: (await stat(path)).size };
}
