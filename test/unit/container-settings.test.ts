import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CONFIG_VARIABLES as PROCESSOR_VARIABLES } from "../../processor/config.ts";
import { CONTAINER_SETTINGS, FORWARDED_SETTINGS } from "../../schema/container-settings.ts";
import { readConfig } from "../../worker/config.ts";
import { CONFIG_VARIABLES as WORKER_VARIABLES } from "../../worker/variables.ts";

const VARIABLES = {
  ADMIN_TOKEN: "operator-token-of-the-tests",
  PROCESSOR_TOKEN: "processor-token-of-the-tests",
  SEALING_KEYS: `tests:${Buffer.alloc(32, 7).toString("base64")}`,
  PUBLIC_URL: "https://waterspout.example",
  R2_ENDPOINT: "https://r2.example",
  R2_ACCESS_KEY_ID: "k",
  R2_SECRET_ACCESS_KEY: "s",
};

describe("a setting of the processor", () => {
  it("is in the table that says what decides it on Cloudflare, and nothing else is", () => {
    const names = PROCESSOR_VARIABLES.map(({ name }) => name);
    expect(Object.keys(CONTAINER_SETTINGS).sort()).toEqual([...names].sort());
  });

  it.each(FORWARDED_SETTINGS)("%s reaches container instances unchanged", (name) => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (value) => {
        expect(readConfig({ ...VARIABLES, [name]: value }).forwarded).toEqual({ [name]: value });
      }),
      { numRuns: 20 },
    );
  });

  it("that the Worker has under the same name is set by the object", () => {
    const ofWorker = new Set<string>(WORKER_VARIABLES.map(({ name }) => name));
    expect(FORWARDED_SETTINGS.filter((name) => ofWorker.has(name))).toEqual([]);
  });

  it("that the object or the image decides is not taken from the Worker's variables", () => {
    const others = Object.keys(CONTAINER_SETTINGS).filter((name) => !FORWARDED_SETTINGS.includes(name));
    const variables = Object.fromEntries(others.map((name) => [name, "elsewhere"]));
    expect(readConfig({ ...variables, ...VARIABLES, ...KNOWN }).forwarded).toEqual({});
  });
});

/** Settings of the object that the Worker reads, too. */
const KNOWN = {
  ...{ ALLOWED_PRIVATE_HOSTS: "", HEARTBEAT_SECONDS: "15", LEASE_SECONDS: "60" },
  ...{ OTEL_EXPORTER_OTLP_ENDPOINT: "", OTEL_EXPORTER_OTLP_HEADERS: "", OTEL_TRACES_SAMPLER_ARG: "1" },
};

describe("PROCESSOR_URL", () => {
  const read =
    (PROCESSOR_URL: string, more = {}) =>
    () =>
      readConfig({ ...VARIABLES, PROCESSOR_URL, ...more });

  it.each([
    ["http://processor.example", "is not https"],
    ["http://203.0.113.5:8080", "is not https"],
    ["https://203.0.113.5", "names an address"],
    ["https://0xcb007105", "names an address"],
    ["https://[2001:db8::5]:8443", "names an address"],
    ["https://localhost:8443", "names a host that only its own network knows"],
    ["https://processor.internal", "names a host that only its own network knows"],
    ["https://good.example, http://processor.example", "is not https"],
  ])("%s is refused on Cloudflare, with what to do", (url, why) => {
    expect(read(url)).toThrow(why);
    expect(read(url)).toThrow(/PROCESSOR_URL .* by a tunnel \(cloudflared\) or a reverse proxy with TLS/);
  });

  it("is a host name with TLS on Cloudflare", () => {
    expect(read("https://processor.example:8443, https://other.example")().processor).toEqual({
      type: "http",
      urls: ["https://processor.example:8443", "https://other.example"],
    });
  });

  it("is any address in a self-hosted installation", () => {
    const { processor } = read("http://127.0.0.1:8080", { PLATFORM: "embedded" })();
    expect(processor).toEqual({ type: "http", urls: ["http://127.0.0.1:8080"] });
  });
});
