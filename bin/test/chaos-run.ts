import { parseArgs } from "node:util";
import { StackError } from "../stack/errors.ts";
import { runVitest } from "./vitest-run.ts";

const USAGE = "npm run chaos -- [--rounds 20] [--seed 1] [--from 0] [--faults 4]";

/**
 * Runs rounds of faults. The same seed and number always choose the same faults: `--from 7 --rounds 1` repeats the eighth.
 *
 * @returns the exit code: 0 if no invariant was broken
 */
export async function runChaos(args: readonly string[]): Promise<number> {
  const { rounds, seed, from, faults } = optionsOf(args);
  const env = { CHAOS_ROUNDS: rounds, CHAOS_SEED: seed, CHAOS_FROM: from, CHAOS_FAULTS: faults };
  const { passed, failed } = await runVitest(["test/chaos/campaign.test.ts"], env);
  return failed === 0 && passed > 0 ? 0 : 1;
}

function optionsOf(args: readonly string[]): Readonly<Record<"rounds" | "seed" | "from" | "faults", string>> {
  const number = { type: "string" } as const;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { rounds: number, seed: number, from: number, faults: number },
    });
    const options = { rounds: "20", seed: "1", from: "0", faults: "4", ...values };
    const isWrong =
      Object.values(options).some((value) => !/^\d{1,9}$/.test(value)) || options.rounds === "0";
    if (isWrong) throw new Error("Each option needs a whole number");
    return options;
  } catch (error) {
    throw new StackError(`${error instanceof Error ? error.message : error}\n${USAGE}`);
  }
}
