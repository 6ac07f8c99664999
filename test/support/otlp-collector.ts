import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { z } from "zod";

/**
 * A collector of OTLP over HTTP that accepts only what opentelemetry-proto 1.x allows in JSON: names in camel case, ids
 * in hexadecimal digits, 64-bit numbers as strings, one kind of value for each attribute, and no unknown members.
 */

const Value = z.union([
  z.strictObject({ stringValue: z.string() }),
  z.strictObject({ boolValue: z.boolean() }),
  z.strictObject({ intValue: z.string().regex(/^-?\d+$/) }),
  z.strictObject({ doubleValue: z.number() }),
]);

const KeyValues = z.array(z.strictObject({ key: z.string().min(1), value: Value }));

const Nanoseconds = z.string().regex(/^[1-9]\d{18}$/, "must be the nanoseconds of a present time");

const CollectedSpan = z
  .strictObject({
    traceId: z.string().regex(/^(?!0{32})[0-9a-f]{32}$/),
    spanId: z.string().regex(/^(?!0{16})[0-9a-f]{16}$/),
    parentSpanId: z
      .string()
      .regex(/^(?!0{16})[0-9a-f]{16}$/)
      .optional(),
    name: z.string().min(1),
    kind: z.int().min(1).max(5),
    startTimeUnixNano: Nanoseconds,
    endTimeUnixNano: Nanoseconds,
    attributes: KeyValues,
    status: z.strictObject({ code: z.literal(2).optional(), message: z.string().optional() }),
  })
  .refine(({ startTimeUnixNano, endTimeUnixNano }) => BigInt(startTimeUnixNano) <= BigInt(endTimeUnixNano));
export type CollectedSpan = z.infer<typeof CollectedSpan>;

const Traces = z.strictObject({
  resourceSpans: z
    .array(
      z.strictObject({
        resource: z.strictObject({ attributes: KeyValues }),
        scopeSpans: z.array(
          z.strictObject({
            scope: z.strictObject({ name: z.string(), version: z.string().optional() }),
            spans: z.array(CollectedSpan).min(1),
          }),
        ),
      }),
    )
    .min(1),
});

/** A span with the program that sent it. */
export interface ReceivedSpan extends CollectedSpan {
  readonly service: string;
}

export interface OtlpCollector {
  /** @example "http://127.0.0.1:4318" */
  readonly url: string;
  readonly host: string;
  readonly spans: readonly ReceivedSpan[];
  /** Requests that were not valid exports, with the reason. */
  readonly refused: readonly string[];
  /** Number of requests so far. */
  readonly requests: number;
  /** The response to the next requests; null: as usual. `hang`: none. */
  answer: number | "hang" | null;
  /** Resolves with the spans once they satisfy the condition. */
  until(condition: (spans: readonly ReceivedSpan[]) => boolean): Promise<readonly ReceivedSpan[]>;
  close(): Promise<void>;
}

/** @param token that must come as `authorization: Bearer …` */
export async function startOtlpCollector(token: string): Promise<OtlpCollector> {
  const spans: ReceivedSpan[] = [];
  const refused: string[] = [];
  const watchers = new Set<() => void>();
  const state: { requests: number; answer: number | "hang" | null } = { requests: 0, answer: null };

  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    state.requests += 1;
    if (state.answer === "hang") return;
    const problem = state.answer === null ? receive(request, Buffer.concat(chunks).toString()) : null;
    if (problem !== null) refused.push(problem);
    response.writeHead(state.answer ?? (problem === null ? 200 : 400), {
      "content-type": "application/json",
    });
    response.end("{}");
    for (const watcher of watchers) watcher();
  }

  /** @returns why the request is refused; null if it is not */
  function receive({ method, url, headers }: IncomingMessage, body: string): string | null {
    if (method !== "POST" || url !== "/v1/traces") return `${method} ${url}`;
    if (headers["content-type"] !== "application/json") return `content-type ${headers["content-type"]}`;
    if (headers.authorization !== `Bearer ${token}`) return "authorization";
    const parsed = Traces.safeParse(JSON.parse(body));
    if (!parsed.success) return z.prettifyError(parsed.error);
    for (const { resource, scopeSpans } of parsed.data.resourceSpans) {
      const name = resource.attributes.find(({ key }) => key === "service.name")?.value;
      const service = name && "stringValue" in name ? name.stringValue : null;
      if (service === null) return "service.name is missing";
      for (const scope of scopeSpans) spans.push(...scope.spans.map((span) => ({ ...span, service })));
    }
    return null;
  }

  const server = createServer((request, response) => void take(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the collector has no port");
  const host = `127.0.0.1:${address.port}`;
  return {
    url: `http://${host}`,
    host,
    spans,
    refused,
    get requests() {
      return state.requests;
    },
    get answer() {
      return state.answer;
    },
    set answer(answer) {
      state.answer = answer;
    },
    async until(condition) {
      while (!condition(spans)) {
        await new Promise<void>((resolve) => {
          const watcher = () => {
            watchers.delete(watcher);
            resolve();
          };
          watchers.add(watcher);
        });
      }
      return spans;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
