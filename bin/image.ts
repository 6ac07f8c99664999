/** `npm run image [-- NAME=value …]`: builds the processor's image, with these build arguments, and tries it. */
import { findEngine } from "./image/engine.ts";
import { exerciseImage } from "./image/exercise.ts";
import { ProgramError } from "./image/run-program.ts";
import { StackError } from "./stack/errors.ts";
import { exitCodeOf } from "./stack/exit-code.ts";

const TAG = "waterspout-processor";
const say = (line: string) => console.log(`[image] ${line}`);

async function main(buildArgs: readonly string[]): Promise<number> {
  const wrong = buildArgs.find((argument) => !/^[A-Z_]+=/.test(argument));
  if (wrong !== undefined) throw new StackError(`"${wrong}" is not a build argument; write NAME=value`);
  const engine = findEngine(say);
  say(`building ${TAG} with ${engine.name} …`);
  await engine.build(TAG, buildArgs);
  say(`${TAG} has ${Math.round(engine.sizeOf(TAG) / 1e6)} MB`);
  await exerciseImage(engine, TAG, say);
  say("the image works");
  return 0;
}

const asStackError = (error: unknown): never => {
  throw error instanceof ProgramError ? new StackError(error.message) : error;
};

process.exit(await main(process.argv.slice(2)).catch(asStackError).catch(exitCodeOf));
