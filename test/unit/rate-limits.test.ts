import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { RateLimits } from "../../worker/services/accounts/limits.ts";
import { CONFIG_VARIABLES } from "../../worker/variables.ts";
import { inRepository } from "../support/repository.ts";

const open = { limit: async () => ({ success: true }) };

describe("the request limits", () => {
  it("allow exactly the limit of each minute when twice as many are sent", async () => {
    const rates = new RateLimits({ read: 600, write: 300 }, { read: open, write: open });
    const start = Date.UTC(2026, 10, 24, 12);
    let passed = 0;
    for (let request = 0; request < 3_000; request++) {
      if ((await rates.take("write", "k", start + request * 100)).allowed) passed += 1;
    }
    expect(passed).toBe(5 * 300);
  });

  it("are the same for an isolate and for the platform", () => {
    const toml = readFileSync(inRepository("wrangler.toml"), "utf8");
    for (const kind of ["READ", "WRITE"]) {
      const shared = new RegExp(
        `name = "${kind}_RATE"\\n.*\\nsimple = \\{ limit = (\\d+), period = 60 \\}`,
      ).exec(toml)?.[1];
      const own = CONFIG_VARIABLES.find(({ name }) => name === `RATE_LIMIT_${kind}`)?.fallback;
      expect(shared).toBe(own);
    }
  });
});
