import { readFileSync } from "node:fs";
import { inRepository } from "./repository.ts";

/** Comes before a block that no test can run, with the reason. */
const MARKER = /<!-- not run by a test: (.+) -->\n$/;

/** A block of shell commands in the README. */
export interface ReadmeBlock {
  readonly commands: string;
  /** Why no test runs it; null for those that a test runs. */
  readonly reason: string | null;
}

export const readReadme = (): string => readFileSync(inRepository("README.md"), "utf8");

/** Every shell block of the README, in order. */
export function readmeBlocks(): ReadmeBlock[] {
  const readme = readReadme();
  return [...readme.matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => ({
    commands: match[1]?.trim() ?? "",
    reason: MARKER.exec(readme.slice(0, match.index))?.[1] ?? null,
  }));
}

/** Blocks with one command that are run separately, and what runs them. */
export const STANDALONE: Readonly<Record<string, string>> = {
  "npm run demo": "test/e2e/commands.test.ts",
  "npm run demo -- https://example.com/talk.mp4": "test/e2e/commands.test.ts",
  "npm start": "test/e2e/commands.test.ts",
  // A test cannot run the tests: continuous integration runs this very command.
  "npm test": ".ci/run",
};

/** The other blocks: what a reader types in a second terminal, run as one session next to `npm start`. */
export const readmeSession = (): string[] =>
  readmeBlocks()
    .filter(({ commands, reason }) => reason === null && !(commands in STANDALONE))
    .map(({ commands }) => commands);

/** The programs that the README shows. */
export const readmePrograms = (): string[] =>
  [...readReadme().matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => match[1] ?? "");
