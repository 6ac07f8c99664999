import { readdirSync, readFileSync } from "node:fs";
import { inRepository } from "./repository.ts";

/** Comes before a block that no test can run, with the reason. */
const MARKER = /<!-- not run by a test: (.+) -->\n$/;

/** Comes before a block that a test runs with its own hosts, bucket or ports; names it for that test. */
const WITH_STAND_INS = /<!-- run with stand-ins: (.+) -->\n$/;

/** A block of shell commands on a page. */
export interface ShellBlock {
  readonly commands: string;
  /** Why no test runs it; null for those that a test runs. */
  readonly reason: string | null;
  /** Its name, if it is run with stand-ins. */
  readonly name: string | null;
}

/** The pages whose commands are run: the README and everything below `docs/`. */
export const PAGES: readonly string[] = [
  "README.md",
  ...readdirSync(inRepository("docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`)
    .sort(),
];

export const readPage = (page: string): string => readFileSync(inRepository(page), "utf8");

/** Every shell block of a page, in order. */
export function shellBlocks(page: string): ShellBlock[] {
  const text = readPage(page);
  // blocks of numbered steps are indented
  return [...text.matchAll(/^ *```sh\n(.*?)^ *```$/gms)].map((match) => {
    const before = text.slice(0, match.index);
    return {
      commands: match[1]?.trim() ?? "",
      reason: MARKER.exec(before)?.[1] ?? null,
      name: WITH_STAND_INS.exec(before)?.[1] ?? null,
    };
  });
}

/** Blocks with one command that are run separately, and what runs them. */
export const STANDALONE: Readonly<Record<string, string>> = {
  "npm run demo": "test/e2e/commands.test.ts",
  "npm run demo -- https://example.com/talk.mp4": "test/e2e/commands.test.ts",
  "npm start": "test/e2e/commands.test.ts",
  // A test cannot run the tests: continuous integration runs this very command.
  "npm test": ".ci/run",
};

/** The other blocks of a page: what a reader types in a second terminal, run as one session next to `npm start`. */
export const sessionOf = (page: string): string[] =>
  shellBlocks(page)
    .filter(({ commands, reason, name }) => reason === null && name === null && !(commands in STANDALONE))
    .map(({ commands }) => commands);

/** Blocks that `test/e2e/commands.test.ts` runs with stand-ins, by page and name. */
export const STAND_INS: Readonly<Record<string, readonly string[]>> = {
  "docs/quick-start.md": ["bucket", "start", "receiver", "webhook"],
};

/** The pages that have such a session. */
export const SESSIONS: readonly string[] = PAGES.filter((page) => sessionOf(page).length > 0);

/** The programs that pages show. */
export const shownPrograms = (): [page: string, program: string][] =>
  PAGES.flatMap((page) =>
    [...readPage(page).matchAll(/^```ts\n(.*?)^```$/gms)].map((match): [string, string] => [
      page,
      (match[1] ?? "").replaceAll('"../schema/', '"./schema/'),
    ]),
  );
