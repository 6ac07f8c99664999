import type { ProcessorDependencies } from "../dependencies.ts";
import { connectionsTo } from "../egress/connections.ts";
import { serveRangeSource } from "../egress/loopback.ts";
import { openRangeSource, type RangeSource } from "../egress/range-source.ts";
import type { IndexFacts } from "../media/isobmff/facts.ts";
import type { SourceNetwork } from "../source-network.ts";
import { probeMedia } from "../tools/ffprobe.ts";
import { SNIFF_BYTES } from "../tools/input-format.ts";
import { demuxerOf, ToolInput } from "../tools/tool-input.ts";
import { readSourceHead } from "./file-head.ts";
import type { OpenFile } from "./plain/plain-file.ts";
import type { SourceStream } from "./source.ts";

/** What an inspection needs from its run or probe. */
export interface Looker
  extends Pick<ProcessorDependencies, "config" | "folders" | "limits" | "log" | "tools">,
    Pick<SourceNetwork, "client" | "proxy"> {
  /** Ends the inspection. */
  readonly signal: AbortSignal;
}

/** What a file at a source says about itself. */
export interface SeenFile extends IndexFacts {
  readonly sizeBytes: number;
}

/**
 * Determines what a file contains from its index, wherever that is; only a few bytes are fetched.
 *
 * @param opened the file, if it is open already; it is closed in the end
 * @returns null if that is not possible without reading the whole file, or in time; an inspection never fails a probe
 */
export async function lookIntoFile(
  looker: Looker,
  stream: Pick<SourceStream, "url" | "headers">,
  opened: RangeSource | null = null,
): Promise<SeenFile | null> {
  try {
    return await look(looker, stream, opened);
  } catch (error) {
    looker.log("look failed", { detail: error instanceof Error ? error.message : String(error) });
    return null;
  }
}

/** How a probe opens the file that an address may be; null for a host whose files are read in another way. */
export function fileOpener(looker: Looker, url: string): OpenFile | null {
  if (looker.limits.of(url).distrustsRanges) return null;
  return (address) => openRangeSource(looker.client, { ...optionsOf(looker, address), opensOnce: true });
}

const optionsOf = ({ config, signal }: Looker, { url, headers }: Pick<SourceStream, "url" | "headers">) => ({
  ...{ url, headers, signal, maxBytes: config.maxFilesizeBytes },
  connections: connectionsTo(url, config),
});

async function look(
  looker: Looker,
  stream: Pick<SourceStream, "url" | "headers">,
  opened: RangeSource | null,
): Promise<SeenFile | null> {
  const { client, folders, limits, proxy, signal, tools } = looker;
  if (limits.of(stream.url).distrustsRanges) return null;
  const file = opened ?? (await openRangeSource(client, optionsOf(looker, stream)));
  try {
    const { sizeBytes, rangesWork } = file;
    if (!rangesWork || !sizeBytes) return null;
    const declared = await (await readSourceHead(file, sizeBytes))?.facts();
    if (declared) return { ...declared, sizeBytes };
    const front = await file.readPart(0, Math.min(sizeBytes, SNIFF_BYTES));
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
