import { parseArgs } from "node:util";
import { StackError } from "../stack/errors.ts";

export const PARTS = ["pipeline", "transcode", "api", "batch", "drain", "rows", "reuse"] as const;
export type Part = (typeof PARTS)[number];

export interface BenchOptions {
  readonly parts: readonly Part[];
  /** Measurements of each competitor; the median counts. */
  readonly runs: number;
  /** Only subjects whose name contains this, in lower case; empty for all. */
  readonly only: string;
  /** Size of the large media in GiB. */
  readonly size: number;
  /** Parts of the names of other tools to compare with; empty for all that are installed. */
  readonly peers: readonly string[];
}

export const USAGE = `npm run bench -- [${PARTS.join("|")}]… [--runs 5] [--quick] [--only text] [--size 1] [--peers none|name,…]`;

/**
 * @throws StackError with the usage if the arguments are wrong
 * @example parseOptions(["pipeline", "--quick"]) // { parts: ["pipeline"], runs: 1, … }
 */
export function parseOptions(args: readonly string[]): BenchOptions {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        runs: { type: "string", default: "5" },
        quick: { type: "boolean", default: false },
        only: { type: "string", default: "" },
        size: { type: "string", default: "1" },
        peers: { type: "string", default: "" },
      },
    });
    const parts = positionals.map((name) => PARTS.find((part) => part === name) ?? refuse(`no part ${name}`));
    const runs = values.quick ? 1 : Number(values.runs);
    if (!Number.isInteger(runs) || runs < 1) refuse("--runs takes a whole number from 1");
    const size = Number(values.size);
    if (!(size >= 0.05 && size <= 16)) refuse("--size takes GiB from 0.05 to 16");
    const peers = values.peers === "" ? [] : values.peers.split(",");
    return { parts: parts.length > 0 ? parts : PARTS, runs, only: values.only.toLowerCase(), size, peers };
  } catch (error) {
    throw new StackError(`${error instanceof Error ? error.message : error}\n${USAGE}`);
  }
}

function refuse(reason: string): never {
  throw new Error(reason);
}
