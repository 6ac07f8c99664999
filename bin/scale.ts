import { formatScale } from "./scale/tables.ts";

/** `npm run scale`: what Waterspout takes and costs on Cloudflare; `-- 300` with another `PROCESSOR_IDLE_SECONDS`. */

const [idle] = process.argv.slice(2);
if (idle !== undefined && !/^\d+$/.test(idle)) {
  process.stderr.write("Usage: npm run scale [-- PROCESSOR_IDLE_SECONDS]\n");
  process.exit(2);
}
process.stdout.write(formatScale(idle === undefined ? {} : { idleSeconds: Number(idle) }));
