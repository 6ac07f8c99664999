import { expect, it } from "vitest";
import { ProxyRotation } from "../../processor/egress/proxy-rotation.ts";

const PROXIES = ["http://a", "http://b", "http://c"];

it("skips proxies that a host refused, for their time, and for that host alone", () => {
  let now = 0;
  const rotation = new ProxyRotation(PROXIES, () => now);
  rotation.refuse("site", "http://a", 1_000);
  expect(rotation.freeFor("site")).toBe(2);
  const seen = Array.from({ length: 6 }, () => rotation.next("site"));
  expect(new Set(seen)).toEqual(new Set(["http://b", "http://c"]));
  expect(new Set(PROXIES.map(() => rotation.next("elsewhere")))).toEqual(new Set(PROXIES));
  now = 1_000;
  expect(rotation.freeFor("site")).toBe(3);
});

it("continues with all of them when each was refused, and with none where there are none", () => {
  const rotation = new ProxyRotation(PROXIES);
  for (const proxy of PROXIES) rotation.refuse("site", proxy, 1_000);
  expect(rotation.freeFor("site")).toBe(0);
  expect(PROXIES).toContain(rotation.next("site"));
  const direct = new ProxyRotation([]);
  direct.refuse("site", undefined, 1_000);
  expect([direct.next("site"), direct.freeFor("site")]).toEqual([undefined, 0]);
});
