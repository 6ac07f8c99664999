import type { HostLimits } from "../host-limits.ts";
import type { HttpClient } from "../http-client.ts";
import { openRangeSource, type RangeSource, type RangeSourceOptions } from "../range-source.ts";
import { beginningOf } from "../source-prefetch.ts";

const COMPARED_BYTES = 64 << 10;
/** So far behind the beginning that no first range reached it. */
const COMPARED_AT = 300 << 10;

/** Who asks, and what is known about hosts. */
interface Asking {
  readonly client: HttpClient;
  readonly limits: HostLimits;
  readonly signal: AbortSignal;
}

interface Stream {
  readonly protocol: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Finds servers that send wrong bytes for ranges, which makes an intact file look damaged. Asks once per URL. */
export class RangeCheck {
  readonly #asking: Asking;
  readonly #differs = new Map<string, Promise<boolean>>();

  /** @param asking of the run that this belongs to */
  constructor(asking: Asking) {
    this.#asking = asking;
  }

  /** Whether ranges of one of these files are wrong; false if that cannot be found out. */
  async findsWrong(streams: readonly Stream[]): Promise<boolean> {
    for (const stream of streams) {
      if (stream.protocol === "http" && (await this.#ask(stream))) return true;
    }
    return false;
  }

  #ask(stream: Stream): Promise<boolean> {
    const known = this.#differs.get(stream.url);
    if (known) return known;
    const asked = differs(this.#asking, stream);
    this.#differs.set(stream.url, asked);
    return asked;
  }
}

/** Whether ranges differ from a plain read of the file: in its size, or in its bytes at one place. */
async function differs({ client, signal, limits }: Asking, stream: Stream): Promise<boolean> {
  if (limits.of(stream.url).distrustsRanges) return false;
  const options: RangeSourceOptions = { url: stream.url, headers: stream.headers, signal };
  const opened: RangeSource[] = [];
  try {
    const ranged = await openRangeSource(client, options);
    opened.push(ranged);
    if (!ranged.rangesWork || ranged.sizeBytes === undefined) return false;
    const end = Math.min(ranged.sizeBytes, COMPARED_AT + COMPARED_BYTES);
    const start = Math.max(0, end - COMPARED_BYTES);
    const part = await ranged.readPart(start, end, signal);
    ranged.close();
    const plain = await openRangeSource(client, { ...options, plain: true });
    opened.push(plain);
    if (plain.sizeBytes !== undefined && plain.sizeBytes !== ranged.sizeBytes) return true;
    return !(await beginningOf(plain.read(), end)).subarray(start, end).equals(part);
  } catch {
    // the failure that was met first says more
    return false;
  } finally {
    for (const file of opened) file.close();
  }
}
