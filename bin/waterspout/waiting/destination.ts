import { mkdirSync, type Stats, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Args } from "../arguments/args.ts";
import { CommandError } from "../failures/command-error.ts";
import { EXIT } from "../failures/exit-codes.ts";

export const OUTPUT_OPTION = {
  output: {
    value: "FILE",
    help: "Also download the file to this path, or into this folder if there is one or it ends in a slash",
    short: "o",
  },
} as const;

/** Where the files of jobs are downloaded to. */
export interface Destination {
  /** Whether several files have a place there. */
  readonly isFolder: boolean;
  /** @param key object key of the file @param id the job's id, for a file without a key */
  pathFor(key: string | null, id: string): string;
}

/**
 * What `--output` names, checked before anything is created, so that no job runs for a file that has no place.
 *
 * @param count how many files may come; several need a folder, which is made if it is missing
 * @returns null without `--output`
 * @throws CommandError `usage`, `local`
 */
export function destinationOf(args: Args, count: "one" | "several"): Destination | null {
  const output = args.text("output");
  if (output === undefined) return null;
  if (output === "-") {
    const instead = 'read the link instead: curl -sS "$(waterspout get URL --json | jq -r .s3_url)"';
    throw new CommandError(EXIT.usage, `--output does not write to the standard output; ${instead}`);
  }
  const found = statOf(output);
  if (found?.isDirectory()) return inFolder(output);
  if (/[/\\]$/.test(output) || (count === "several" && found === undefined)) {
    makeFolder(output);
    return inFolder(output);
  }
  if (count === "several") {
    throw new CommandError(
      EXIT.usage,
      `There may be several files, and ${output} is one: name a folder for them`,
    );
  }
  const folder = dirname(resolve(output));
  if (!statOf(folder)?.isDirectory()) throw new CommandError(EXIT.local, `There is no folder ${folder}`);
  return { isFolder: false, pathFor: () => resolve(output) };
}

const inFolder = (folder: string): Destination => ({
  isFolder: true,
  pathFor: (key, id) => resolve(join(folder, basename(key ?? id))),
});

const statOf = (path: string): Stats | undefined => statSync(path, { throwIfNoEntry: false });

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new CommandError(EXIT.local, `The folder ${path} cannot be made: ${(error as Error).message}`);
  }
}
