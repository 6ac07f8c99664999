import { expect, it } from "vitest";
import { ProxyRotation } from "../../processor/egress/upstream/proxy-rotation.ts";

const PROXIES = ["http://a", "http://b", "http://c"];

it("gives every proxy its turn, separately for each host, and all others as replacements", () => {
  const rotation = new ProxyRotation(PROXIES);
  const orders = PROXIES.map(() => rotation.orderFor("site"));
  expect(orders.map(([first]) => first)).toEqual(PROXIES);
  for (const order of orders) expect([...order].sort()).toEqual(PROXIES);
  expect(rotation.orderFor("elsewhere")[0]).toBe(PROXIES[0]);
  expect(new ProxyRotation([]).orderFor("site")).toEqual([]);
});
