/** `npm run build`: builds the Worker ahead of the first start, which then writes nothing outside of its state folder. */
import { systemEnvironment } from "./stack/environment.ts";
import { exitCodeOf } from "./stack/exit-code.ts";
import { ensureBundle } from "./stack/platform/bundle.ts";

async function main(): Promise<number> {
  const { file } = await ensureBundle(systemEnvironment(process.env));
  console.log(`[waterspout] the Worker is ${file}`);
  return 0;
}

process.exit(await main().catch(exitCodeOf));
