import { parseArgs } from "node:util";
import { StackError } from "../stack/errors.ts";
import { runVitest } from "./vitest-run.ts";

const USAGE = "npm run fuzz -- [--inputs 20000] [--seed 1] [--from 0]";

/**
 * Runs the campaign of malformed media. The same seed and number always give the same input: `--from` continues after
 * another run, and with `--inputs 1` it repeats a single input.
 *
 * @returns the exit code: 0 if nothing crashed, hung or was reported
 */
export async function runFuzz(args: readonly string[]): Promise<number> {
  const { inputs, seed, from } = optionsOf(args);
  const env = { FUZZ_INPUTS: inputs, FUZZ_SEED: seed, FUZZ_FROM: from };
  const { passed, failed } = await runVitest(["test/fuzz/malformed-media.test.ts"], env);
  return failed === 0 && passed > 0 ? 0 : 1;
}

function optionsOf(args: readonly string[]): Readonly<Record<"inputs" | "seed" | "from", string>> {
  const number = { type: "string" } as const;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { inputs: number, seed: number, from: number },
    });
    const options = { inputs: "20000", seed: "1", from: "0", ...values };
    const isWrong =
      Object.values(options).some((value) => !/^\d{1,9}$/.test(value)) || options.inputs === "0";
    if (isWrong) throw new Error("Each option needs a whole number");
    return options;
  } catch (error) {
    throw new StackError(`${error instanceof Error ? error.message : error}\n${USAGE}`);
  }
}
