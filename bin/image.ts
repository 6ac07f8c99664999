/**
 * `npm run image [-- processor|whole] [NAME=value …]`: builds one image or both, with these build arguments, and tries
 * them over a whole life.
 */
import { TARGETS, type Target } from "./image/engine.ts";
import { exerciseProcessor } from "./image/exercise-processor.ts";
import { exerciseWhole } from "./image/exercise-whole.ts";
import { findEngine } from "./image/find-engine.ts";
import { judgeConfig } from "./image/judge-config.ts";
import { ProgramError } from "./image/run-program.ts";
import { StackError } from "./stack/errors.ts";
import { exitCodeOf } from "./stack/exit-code.ts";

const TAGS = { processor: "waterspout-processor", whole: "waterspout" } as const;
const EXERCISES = { processor: exerciseProcessor, whole: exerciseWhole } as const;
const say = (line: string) => console.log(`[image] ${line}`);

const isTarget = (word: string): word is Target => TARGETS.some((target) => target === word);

async function main(words: readonly string[]): Promise<number> {
  const asked = words.filter(isTarget);
  const buildArgs = words.filter((word) => !isTarget(word));
  const wrong = buildArgs.find((word) => !/^[A-Z_]+=/.test(word));
  if (wrong !== undefined) {
    throw new StackError(
      `"${wrong}" is no image (${TARGETS.join(", ")}) and no build argument (NAME=value).`,
    );
  }
  const engine = findEngine(say);
  try {
    for (const target of asked.length > 0 ? asked : TARGETS) {
      const tag = TAGS[target];
      say(`building ${tag} with ${engine.name} …`);
      await engine.build(target, tag, buildArgs);
      judgeConfig(tag, engine.configOf(tag));
      say(`${tag} has ${Math.round(engine.sizeOf(tag) / 1e6)} MB`);
      await EXERCISES[target](engine, tag, say);
      say(`${tag} works`);
    }
  } finally {
    engine.close();
  }
  return 0;
}

const asStackError = (error: unknown): never => {
  throw error instanceof ProgramError ? new StackError(error.message) : error;
};

process.exit(await main(process.argv.slice(2)).catch(asStackError).catch(exitCodeOf));
