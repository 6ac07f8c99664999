/** `npm run soak [-- jobs]`: many small jobs through the self-hosted program, with a restart in the middle (20,000 take one to two hours). */
import { faultsOf, soak } from "./soak/soak.ts";
import { StackError } from "./stack/errors.ts";
import { exitCodeOf } from "./stack/exit-code.ts";

const log = (line: string) => console.log(`[soak] ${line}`);

async function main([text = "20000"]: readonly string[]): Promise<number> {
  const jobs = Number(text);
  if (!Number.isInteger(jobs) || jobs < 2) throw new StackError(`"${text}" is not a number of jobs.`);
  const report = await soak(jobs, log);
  const faults = faultsOf(report);
  for (const fault of faults) log(fault);
  log(
    `${report.jobs} jobs in ${Math.round(report.seconds)} s: ${faults.length === 0 ? "all is well" : "FAILED"}`,
  );
  return faults.length === 0 ? 0 : 1;
}

process.exit(await main(process.argv.slice(2)).catch(exitCodeOf));
