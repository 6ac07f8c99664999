import { readFileSync, rmSync } from "node:fs";
import { inRoot } from "../stack/paths.ts";
import { vitestSucceeds } from "./watched-vitest.ts";

export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

const REPORT = ".cache/vitest.json";

/**
 * Runs every vitest project, or those that the arguments select.
 *
 * @param args passed on to vitest, for example `["unit"]` or `["--project", "worker"]`
 * @param env variables for the tests, in addition to those of this process
 */
export async function runVitest(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Counts> {
  rmSync(inRoot(REPORT), { force: true });
  const ok = await vitestSucceeds({
    args: [
      ...["run", "--config", "test/vitest.config.ts"],
      ...["--reporter=default", "--reporter=json", `--outputFile.json=${REPORT}`],
      ...args,
    ],
    env,
  });
  const counts = countsOf(readReport());
  // A failure outside of a test (an unhandled rejection, an empty run) counts, too.
  return ok || counts.failed > 0 ? counts : { ...counts, failed: 1 };
}

/** The part of vitest's JSON report that is used. */
export interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/** A file that could not be loaded, or whose set-up failed, counts as a failure without a failed test. */
export function countsOf({ numPassedTests, numFailedTests, testResults }: Report): Counts {
  const brokenFiles = testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  );
  return { passed: numPassedTests, failed: numFailedTests + brokenFiles.length };
}

function readReport(): Report {
  try {
    return JSON.parse(readFileSync(inRoot(REPORT), "utf8")) as Report;
  } catch {
    return { numPassedTests: 0, numFailedTests: 0, testResults: [] };
  }
}
