import type { Adjustment } from "../../../schema/media.ts";
import type { RunContext } from "../../dependencies.ts";
import { Fault } from "../../fault.ts";
import type { YtdlpFormat } from "../../tools/ytdlp-info.ts";
import { qualityName } from "../quality.ts";
import { chooseFormats } from "../select.ts";
import { chosenStreams, type Source, type SourceStream } from "../source.ts";
import type { Inputs } from "./input.ts";

/** A stream of HLS whose playlist the source does not give. */
export class DeadPlaylistError extends Error {
  readonly fault: Fault;
  readonly stream: SourceStream;

  constructor(fault: Fault, stream: SourceStream) {
    super(fault.message, { cause: fault });
    this.fault = fault;
    this.stream = stream;
  }
}

/**
 * Whether a refusal is one that another variant may not have. One that asks to wait is asked for again later, and what
 * is not reached at all has no other variants either.
 */
export function isDead(error: unknown): error is Fault {
  if (!(error instanceof Fault) || error.retryAfterMs !== undefined) return false;
  if (error.code === "network") return error.detail?.startsWith(ANSWERED) === true;
  return error.code === "unavailable" || error.code === "forbidden";
}

const ANSWERED = "the source responded with";

/** A source of which so many are dead is dead itself. */
const MAX_DEAD = 3;

export interface OpenedSource {
  readonly source: Source;
  readonly inputs: Inputs;
}

/**
 * Opens a source; where the playlist of a variant is dead, with the next variant that has the same voice.
 *
 * @param open throws {@link DeadPlaylistError} for such a playlist
 * @throws Fault that opening the best variant gave
 */
export async function openLivingVariant(
  { request, signal }: RunContext,
  source: Source,
  open: (source: Source) => Promise<Inputs>,
): Promise<OpenedSource> {
  const dead: SourceStream[] = [];
  let current = source;
  let first: Fault | null = null;
  for (;;) {
    try {
      const inputs = await open(current);
      const adjustments = [...inputs.adjustments, ...changedVariant(source, current, first)];
      return { source: current, inputs: { ...inputs, adjustments } };
    } catch (error) {
      if (!(error instanceof DeadPlaylistError)) throw error;
      signal.throwIfAborted();
      if (await opensAlone(current, error, open)) throw error.fault;
      first ??= error.fault;
      dead.push(error.stream);
      const next = dead.length > MAX_DEAD ? null : withoutDead(source, dead, request.plan);
      if (next === null) throw first;
      current = next;
    }
  }
}

/** A server that refuses a second connection is no reason for another variant: it is read through one. */
async function opensAlone(
  source: Source,
  { fault, stream }: DeadPlaylistError,
  open: (source: Source) => Promise<Inputs>,
): Promise<boolean> {
  if (fault.code === "unavailable" || source.streams.length === 1) return false;
  try {
    const alone = await open({ ...source, streams: [stream] });
    alone.close();
    return true;
  } catch (error) {
    if (error instanceof DeadPlaylistError) return false;
    throw error;
  }
}

/** Null where nothing is left that has the same kinds of media in the same voice. */
function withoutDead(
  source: Source,
  dead: readonly SourceStream[],
  plan: RunContext["request"]["plan"],
): Source | null {
  const formats = source.info.formats ?? [];
  const addresses = new Set(dead.map(({ url }) => url));
  const left = formats.filter(({ url }) => typeof url !== "string" || !addresses.has(url));
  const choice = chooseFormats(left, plan);
  const [first, ...others] = chosenStreams(choice.formats, choice.extraAudio);
  if (!first || choice.language !== source.audio.language) return null;
  const chosen = (its: readonly SourceStream[]): readonly YtdlpFormat[] =>
    formats.filter(({ format_id: id }) => its.some(({ formatId }) => formatId === id));
  const [before, now] = [chosen(source.streams), choice.formats];
  const isWhole = (["vcodec", "acodec"] as const).every(
    (kind) =>
      !before.some((format) => format[kind] !== "none") || now.some((format) => format[kind] !== "none"),
  );
  if (!isWhole) return null;
  const { adjustments, language, languages } = choice;
  return { ...source, streams: [first, ...others], audio: { adjustments, language, languages } };
}

function changedVariant(source: Source, opened: Source, fault: Fault | null): Adjustment[] {
  if (fault === null) return [];
  const reason = `The source does not give its best variant (${fault.detail ?? fault.message}); the next one was taken`;
  return [{ field: "source", from: nameOf(source), to: nameOf(opened), reason }];
}

/** @example "1080p" */
function nameOf({ streams }: Source): string {
  const shown = streams.find(({ height }) => height !== null) ?? streams[0];
  return qualityName(shown.width, shown.height) ?? shown.formatId;
}
