import type { ProcessorDependencies } from "../dependencies.ts";
import { connectionsTo } from "../egress/connections.ts";
import { serveRangeSource } from "../egress/loopback.ts";
import { FIRST_BYTES, openRangeSource } from "../egress/range-source.ts";
import type { IndexFacts } from "../media/isobmff/facts.ts";
import type { SourceNetwork } from "../source-network.ts";
import { probeMedia } from "../tools/ffprobe.ts";
import { demuxerOf, ToolInput } from "../tools/tool-input.ts";
import { readSourceHead } from "./file-head.ts";
import type { SourceStream } from "./source.ts";

/** What an inspection needs from its run or probe. */
type Looker = Pick<ProcessorDependencies, "config" | "folders" | "limits" | "log" | "tools"> &
  Pick<SourceNetwork, "client" | "proxy">;

/** What a file at a source says about itself. */
export interface SeenFile extends IndexFacts {
  readonly sizeBytes: number;
}

/**
 * Determines what a file contains from its index, wherever that is; only a few bytes are fetched.
 *
 * @returns null if that is not possible without reading the whole file, or in time; an inspection never fails a probe
 */
export async function lookIntoFile(
  looker: Looker,
  stream: Pick<SourceStream, "url" | "headers">,
  signal: AbortSignal,
): Promise<SeenFile | null> {
  try {
    return await look(looker, stream, signal);
  } catch (error) {
    looker.log("look failed", { detail: error instanceof Error ? error.message : String(error) });
    return null;
  }
}

async function look(
  { client, proxy, config, folders, limits, tools }: Looker,
  { url, headers }: Pick<SourceStream, "url" | "headers">,
  signal: AbortSignal,
): Promise<SeenFile | null> {
  if (limits.of(url).distrustsRanges) return null;
  const file = await openRangeSource(client, {
    ...{ url, headers, signal, maxBytes: config.maxFilesizeBytes },
    connections: connectionsTo(url, config),
  });
  try {
    const { sizeBytes, rangesWork } = file;
    if (!rangesWork || !sizeBytes) return null;
    const front = await file.readPart(0, Math.min(sizeBytes, FIRST_BYTES));
    const declared = await (await readSourceHead(file, sizeBytes, front))?.facts();
    if (declared) return { ...declared, sizeBytes };
    const mount = proxy.mount(serveRangeSource(file, () => {}));
    const folder = await folders.make("probe");
    try {
      const input = ToolInput.url(`${mount.baseUrl}/media`, demuxerOf(front));
      return { ...(await probeMedia(input, { tools, proxy, cwd: folder, signal })), sizeBytes };
    } finally {
      mount.close();
      folders.remove(folder);
    }
  } finally {
    file.close();
  }
}
