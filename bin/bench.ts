/** `npm run bench -- [part]… [--runs 5] [--quick] [--only text] [--size 1] [--peers …]`: compares Waterspout with the usual method and with the bare network. */
import { apiTable, benchApi } from "./bench/api.ts";
import { batchTables, benchBatch } from "./bench/batch.ts";
import { benchDrain, drainTables } from "./bench/drain.ts";
import { type BenchOptions, type Part, parseOptions } from "./bench/options.ts";
import { withBench } from "./bench/pipeline/bench-context.ts";
import { benchPipeline } from "./bench/pipeline/pipeline.ts";
import { benchTranscode } from "./bench/pipeline/transcode.ts";
import { saveResults } from "./bench/results.ts";
import { benchReuse, reuseTable } from "./bench/reuse.ts";
import { benchRows, rowsTable } from "./bench/rows.ts";
import { competitorTable, subjectTable } from "./bench/table.ts";
import { runTrusting, trustedAuthority } from "./bench/trust.ts";
import { exitCodeOf } from "./stack/exit-code.ts";

const log = (line: string) => console.error(`[bench] ${line}`);

/** @returns the content of the result file */
async function run(part: Part, options: BenchOptions): Promise<object> {
  if (part === "api") {
    const results = await benchApi(options, log);
    console.log(`\n${apiTable(results)}\n`);
    return results;
  }
  if (part === "batch") {
    const results = await benchBatch(options, log);
    console.log(`\n${batchTables(results)}\n`);
    return results;
  }
  if (part === "drain") {
    const results = await benchDrain(log);
    console.log(`\n${drainTables(results)}\n`);
    return results;
  }
  if (part === "rows") {
    const results = await benchRows(log);
    console.log(`\n${rowsTable(results)}\n`);
    return { results };
  }
  if (part === "reuse") {
    const results = await benchReuse(log);
    console.log(`\n${reuseTable(results)}\n`);
    return results;
  }
  console.log("\nThe S3 server of this bench checks and stores nothing: it simulates a fast storage.");
  const subjects = await withBench(options, log, part === "pipeline" ? benchPipeline : benchTranscode);
  console.log(`\n${subjectTable(subjects)}\n`);
  if (part === "pipeline") console.log(`${competitorTable(subjects)}\n`);
  return { subjects };
}

async function main(options: BenchOptions): Promise<number> {
  if (options.parts.includes("pipeline") && trustedAuthority() === null) {
    const code = await runTrusting(log);
    if (code !== null) return code;
  }
  for (const part of options.parts) log(await saveResults(part, options.runs, await run(part, options)));
  return 0;
}

process.exit(await Promise.resolve(process.argv.slice(2)).then(parseOptions).then(main).catch(exitCodeOf));
