import { expect, it } from "vitest";
import { benchReuse } from "../../bin/bench/reuse.ts";

/** The bench of repeated jobs in a small size, on the stack that `npm start` runs. */

it("jobs for the same media read their source once, and all deliver its bytes", {
  timeout: 300_000,
}, async () => {
  const { readShare, ...results } = await benchReuse(() => {}, { jobs: 40 });
  expect(results).toMatchObject({ jobs: 40, failed: 0, copied: 24, wrong: 0 });
  // files differ a little in size
  expect(readShare).toBeLessThan(0.45);
});
