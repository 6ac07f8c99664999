import { describe, expect, it } from "vitest";
import { ExtractionCache } from "../../processor/tools/extraction-cache.ts";

const respond = (id: string, fill = "") => ({
  ...{ info: { id, fill }, version: "2026.11.23", upstream: undefined },
});

describe("the responses of probes", () => {
  it("are cached for a minute", () => {
    let now = 0;
    const cache = new ExtractionCache(() => now);
    cache.keep("a", respond("1"));
    now = 59_999;
    expect(cache.find("a")?.info.id).toBe("1");
    now = 60_000;
    expect(cache.find("a")).toBeUndefined();
  });

  it("are returned with the proxy that they came through, and removed on demand", () => {
    const cache = new ExtractionCache();
    cache.keep("a", { ...respond("1"), upstream: "http://proxy:1" });
    expect(cache.find("a")?.upstream).toBe("http://proxy:1");
    cache.remove("a");
    expect(cache.find("a")).toBeUndefined();
  });

  it("are few: the oldest makes room, and one that is too large is not kept", () => {
    const cache = new ExtractionCache();
    for (let i = 0; i < 65; i++) cache.keep(`${i}`, respond(`${i}`));
    expect([cache.find("0"), cache.find("1")?.info.id]).toEqual([undefined, "1"]);
    cache.keep("large", respond("large", "x".repeat(33 << 20)));
    expect(cache.find("large")).toBeUndefined();
    for (const id of ["big", "bigger"]) cache.keep(id, respond(id, "x".repeat(17 << 20)));
    expect([cache.find("big"), cache.find("bigger")?.info.id]).toEqual([undefined, "bigger"]);
  });
});
