import { createReadStream } from "node:fs";
import type { Adjustment } from "../../../schema/media.ts";
import type { RunContext } from "../../dependencies.ts";
import type { SourceStream } from "../source.ts";
import type { Input } from "./input.ts";
import { type JoinedParts, joinParts, MAX_PARTS } from "./join-parts.ts";
import { wholeFile } from "./whole-file.ts";

export interface JoinedInputs {
  readonly all: readonly Input[];
  readonly adjustments: readonly Adjustment[];
}

/**
 * Replaces inputs of several parts by single-part ones: if all have the same number, video and audio of each part are
 * kept together.
 *
 * @throws as `joinParts`
 */
export async function joinInputs(context: RunContext, inputs: readonly Input[]): Promise<JoinedInputs> {
  const [first] = inputs;
  if (!first || !inputs.some(isJoined)) return { all: inputs, adjustments: [] };
  const isEven = inputs.every(({ parts }) => parts.length === first.parts.length);
  if (isEven && isJoined(first) && !inputs.some(({ stream }) => stream.isExtraAudio)) {
    const joined = await joinParts(
      context,
      inputs.map(({ parts }) => parts),
      "parts",
    );
    return { all: [await inputOf(context, joined, inputs)], adjustments: joined.adjustments };
  }
  const all: Input[] = [];
  const adjustments: Adjustment[] = [];
  for (const [index, input] of inputs.entries()) {
    const joined = isJoined(input) ? await joinParts(context, [input.parts], `parts.${index}`) : null;
    all.push(joined ? await inputOf(context, joined, [input]) : input);
    adjustments.push(...(joined?.adjustments ?? []));
  }
  return { all, adjustments };
}

const isJoined = ({ parts }: Input): boolean => parts.length > 1 && parts.length <= MAX_PARTS;

async function inputOf(
  { signal }: RunContext,
  { lostSeconds, path, shape }: JoinedParts,
  inputs: readonly Input[],
): Promise<Input> {
  const tool = await wholeFile(path, signal);
  const [first] = inputs as readonly [Input];
  const stream: SourceStream = {
    ...first.stream,
    extension: "ts",
    videoCodec: shape.video?.codec ?? null,
    audioCodec: shape.audio?.codec ?? null,
    codecsKnown: true,
    width: shape.video?.width ?? null,
    height: shape.video?.height ?? null,
    language: inputs.find((input) => input.stream.language !== null)?.stream.language ?? null,
  };
  return {
    ...{ stream, ranges: null, head: async () => null, parts: [], transportStream: true },
    cut: first.cut,
    forTool: async () => tool,
    read: async function* (reading) {
      for await (const chunk of createReadStream(path, { signal: reading })) yield [chunk as Buffer];
    },
    missing: () => {
      const its = inputs.map((input) => input.missing());
      const most = its.reduce((one, other) => (other.seconds > one.seconds ? other : one));
      return { count: most.count, seconds: most.seconds + lostSeconds };
    },
    retries: () => inputs.reduce((sum, input) => sum + input.retries(), 0),
    close: () => inputs.forEach((input) => void input.close()),
  };
}
