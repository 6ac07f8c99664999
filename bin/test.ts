/** `npm test [-- <vitest arguments>]`: runs every check and every test; ends with the line `N passed, N failed`. */
import { CHECKS } from "./test/checks.ts";
import { runVitest } from "./test/vitest-run.ts";

const failedChecks: string[] = [];
for (const check of CHECKS) {
  console.log(`\n— ${check.name}`);
  if (!(await check.run())) failedChecks.push(check.name);
}
console.log("\n— tests");
const tests = await runVitest(process.argv.slice(2));

const passed = tests.passed + CHECKS.length - failedChecks.length;
const failed = tests.failed + failedChecks.length;
for (const name of failedChecks) console.log(`failed: ${name}`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && tests.passed > 0 ? 0 : 1);
