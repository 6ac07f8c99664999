import type { Harness } from "./harness.ts";

/** A harness whose providers allow everything. */
export function withProvider(harness: Harness): Harness {
  harness.network.onOther = () =>
    harness.network.calls.at(-1)?.includes("/token")
      ? Response.json({ access_token: "t" })
      : new Response(null, { status: 204 });
  return harness;
}
