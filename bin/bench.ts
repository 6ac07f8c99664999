/** `npm run bench -- [part]… [--runs 5] [--quick] [--only text]`: we, the way without us, and the line alone, side by side. */

import { withBench } from "./bench/bench-context.ts";
import { type BenchOptions, parseOptions } from "./bench/options.ts";
import { benchPipeline } from "./bench/pipeline.ts";
import { saveResults } from "./bench/results.ts";
import { subjectTable } from "./bench/table.ts";
import { exitCodeOf } from "./stack/exit-code.ts";

const log = (line: string) => console.error(`[bench] ${line}`);

async function main(options: BenchOptions): Promise<number> {
  for (const part of options.parts) {
    const subjects = await withBench(options, log, benchPipeline);
    console.log(`\n${subjectTable(subjects)}\n`);
    log(await saveResults(part, options.runs, { subjects }));
  }
  return 0;
}

process.exit(await Promise.resolve(process.argv.slice(2)).then(parseOptions).then(main).catch(exitCodeOf));
