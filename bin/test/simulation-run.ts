import { parseArgs } from "node:util";
import { StackError } from "../stack/errors.ts";
import { runVitest } from "./vitest-run.ts";

const USAGE = "npm run simulate -- [--sources 1000] [--days 30]";

/**
 * Lets sources be followed for days of virtual time, and prints what was published, missed, doubled and late.
 *
 * @returns the exit code: 0 if nothing was missed, nothing came twice and no reading was late
 */
export async function runSimulation(args: readonly string[]): Promise<number> {
  const { sources, days } = optionsOf(args);
  const env = { SIMULATED_SOURCES: sources, SIMULATED_DAYS: days };
  const { passed, failed } = await runVitest(
    ["test/unit/subscriptions.test.ts", "-t", "in virtual time"],
    env,
  );
  return failed === 0 && passed > 0 ? 0 : 1;
}

function optionsOf(args: readonly string[]): Readonly<Record<"sources" | "days", string>> {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { sources: { type: "string" }, days: { type: "string" } },
    });
    const options = { sources: "1000", days: "30", ...values };
    const isWrong = Object.values(options).some((value) => !/^[1-9]\d{0,5}$/.test(value));
    if (isWrong) throw new Error("Each option needs a whole number");
    return options;
  } catch (error) {
    throw new StackError(`${error instanceof Error ? error.message : error}\n${USAGE}`);
  }
}
