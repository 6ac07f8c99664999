import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { OtlpHeaders, otlpVariables, SamplerArg } from "../../schema/telemetry/otlp-settings.ts";
import { formatTraceparent, newTrace, parseTraceparent } from "../../schema/telemetry/trace-context.ts";
import { Tracer } from "../../schema/telemetry/tracer.ts";
import { type OtlpCollector, startOtlpCollector } from "../support/otlp-collector.ts";

const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";

describe("a traceparent header", () => {
  it.each([
    [`00-${TRACE}-${SPAN}-01`, true],
    [`00-${TRACE}-${SPAN}-00`, false],
    // a later version may say more
    [`cc-${TRACE}-${SPAN}-01-what-the-future-brings`, true],
  ])("%s is parsed", (text, sampled) => {
    expect(parseTraceparent(text)).toEqual({ traceId: TRACE, spanId: SPAN, sampled });
  });

  it.each([
    undefined,
    "",
    "00",
    `ff-${TRACE}-${SPAN}-01`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${TRACE}-${SPAN}-01\r\nx: y`,
    `cc-${TRACE}-${SPAN}-01-${"x".repeat(300)}`,
  ])("%j begins a new trace instead", (text) => {
    expect(parseTraceparent(text)).toBeNull();
  });

  it("is written as it was read", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 24, maxLength: 24 }), fc.boolean(), (bytes, sampled) => {
        const trace = { ...newTrace(() => bytes, 1), sampled };
        expect(parseTraceparent(formatTraceparent(trace))).toEqual(trace);
      }),
    );
  });

  it("is sampled for the configured share of new traces", () => {
    const sampled = Array.from({ length: 2_000 }, () => newTrace(random, 0.25)).filter(
      (trace) => trace.sampled,
    );
    expect(sampled.length).toBeGreaterThan(350);
    expect(sampled.length).toBeLessThan(650);
  });
});

describe("the settings of the export", () => {
  it("reach another program unchanged", () => {
    const headers = OtlpHeaders.parse("authorization=Bearer%20a%2Cb%3D, x-team=video");
    expect(headers).toEqual({ authorization: "Bearer a,b=", "x-team": "video" });
    const variables = otlpVariables({ endpoint: "https://otel.example", headers, ratio: 0.5 });
    expect(OtlpHeaders.parse(variables.OTEL_EXPORTER_OTLP_HEADERS)).toEqual(headers);
    expect(SamplerArg.parse(variables.OTEL_TRACES_SAMPLER_ARG)).toBe(0.5);
  });

  it.each(["no-value", "=x", "a b=c", "a=%zz", "a=%0d%0ax"])("refuse the header %j", (text) => {
    expect(OtlpHeaders.safeParse(text).success).toBe(false);
  });

  it.each(["", "2", "1.5", "-1", "all"])("refuse the share %j", (text) => {
    expect(SamplerArg.safeParse(text).success).toBe(false);
  });
});

describe("the export of spans", () => {
  let collector: OtlpCollector;
  let failures: { detail: string; lost: number }[];

  beforeEach(async () => {
    failures = [];
    collector = await startOtlpCollector("secret");
  });
  afterEach(() => collector.close());

  const tracerOf = (endpoint: string | null = collector.url, token = "secret") =>
    new Tracer({
      config: { endpoint, headers: { authorization: `Bearer ${token}` }, ratio: 1 },
      resource: { "service.name": "tests" },
      fetch,
      random,
      onFailure: (detail, lost) => failures.push({ detail, lost }),
    });

  /** Ends this many spans, each the parent of the next. */
  function spans(tracer: Tracer, count: number): void {
    let parent = null;
    for (let i = 0; i < count; i++) {
      const trace = tracer.begin(parent);
      const now = Date.now();
      tracer.end({
        ...{ trace, parent, name: `span ${i}`, kind: "internal", start: now - 5, end: now },
        attributes: { text: "ä", flag: true, whole: 3, real: 0.5, none: null, absent: undefined },
        error: i % 2 === 0 ? null : "broke",
      });
      parent = trace;
    }
  }

  it("is accepted by a strict collector, with parents and errors", async () => {
    const tracer = tracerOf();
    spans(tracer, 3);
    await tracer.flush();
    expect(collector.refused).toEqual([]);
    const [first, second, third] = collector.spans;
    expect(new Set(collector.spans.map(({ traceId }) => traceId)).size).toBe(1);
    expect(first?.parentSpanId).toBeUndefined();
    expect([second?.parentSpanId, third?.parentSpanId]).toEqual([first?.spanId, second?.spanId]);
    expect(first?.attributes).toHaveLength(4);
    expect([first?.status, second?.status]).toEqual([{}, { code: 2, message: "broke" }]);
  });

  it("does nothing without a collector, or for a trace that is not sampled", async () => {
    const silent = tracerOf(null);
    spans(silent, 2);
    await silent.flush();
    const tracer = tracerOf();
    const parent = { traceId: TRACE, spanId: SPAN, sampled: false };
    const trace = tracer.begin(parent);
    tracer.end({ trace, parent, name: "x", kind: "server", start: 1, end: 2, attributes: {} });
    await tracer.flush();
    expect(collector.requests).toBe(0);
  });

  it("retries after the collector was down, and drops what exceeds its buffer", async () => {
    const tracer = tracerOf();
    collector.answer = 503;
    spans(tracer, 3_000);
    await tracer.flush();
    expect(collector.requests).toBe(1);
    expect(failures).toEqual([{ detail: "the collector answered 503", lost: 952 }]);
    collector.answer = null;
    await tracer.flush();
    expect(collector.spans).toHaveLength(2_048);
    expect(collector.refused).toEqual([]);
  });

  it("gives up what a collector refuses, and logs that once a minute", async () => {
    const tracer = tracerOf(collector.url, "wrong");
    for (let i = 0; i < 3; i++) {
      spans(tracer, 2);
      await tracer.flush();
    }
    expect(failures).toEqual([{ detail: "the collector answered 400", lost: 2 }]);
    expect(collector.spans).toEqual([]);
  });

  it("never waits longer than its timeout for one that hangs, and sends one request at a time", async () => {
    const timeout = vi.spyOn(AbortSignal, "timeout").mockImplementation(() => AbortSignal.abort(lateness));
    const tracer = tracerOf();
    spans(tracer, 1);
    await Promise.all([tracer.flush(), tracer.flush()]);
    expect(timeout).toHaveBeenCalledTimes(1);
    timeout.mockRestore();
    expect(failures).toEqual([{ detail: "the collector does not answer", lost: 0 }]);
  });

  const lateness = new DOMException("late", "TimeoutError");
});
