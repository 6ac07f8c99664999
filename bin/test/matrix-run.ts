import { StackError } from "../stack/errors.ts";
import { runVitest } from "./vitest-run.ts";

/** Number of shares of a complete run: each takes a few minutes and stops its servers before the next one starts. */
const SHARES = 12;

/** What servers do is tested with the first share. */
const filesOf = (share: string): string[] => [
  "test/processor/matrix.test.ts",
  ...(share.startsWith("1/") ? ["test/processor/server-behaviours.test.ts"] : []),
];

/**
 * Runs the whole matrix share by share, or only one share.
 *
 * @param args nothing, or one share such as `3/12`
 * @returns the exit code: 0 if every case passed
 */
export async function runMatrix(args: readonly string[]): Promise<number> {
  const [only] = args;
  if (only !== undefined && !/^\d+\/\d+$/.test(only))
    throw new StackError(`${only} is not a share like 3/12`);
  const shares = only ? [only] : Array.from({ length: SHARES }, (_, index) => `${index + 1}/${SHARES}`);
  const sum = { passed: 0, failed: 0 };
  for (const share of shares) {
    const env = { MATRIX: "full", MATRIX_SHARD: share };
    const { passed, failed } = await runVitest(filesOf(share), env);
    sum.passed += passed;
    sum.failed += failed;
    console.log(`matrix ${share}: ${passed + failed} cases, ${passed} passed, ${failed} failed`);
  }
  console.log(`${sum.passed + sum.failed} cases, ${sum.passed} passed, ${sum.failed} failed`);
  return sum.failed === 0 && sum.passed > 0 ? 0 : 1;
}
