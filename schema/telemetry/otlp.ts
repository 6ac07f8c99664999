/** Spans as OTLP over HTTP expects them in JSON (opentelemetry-proto 1.x). */

export type AttributeValue = string | number | boolean;
export type Attributes = Readonly<Record<string, AttributeValue | null | undefined>>;

/** Numbers of `Span.SpanKind`. */
export const SPAN_KINDS = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;

/** A finished operation. */
export interface Span {
  readonly name: string;
  readonly kind: keyof typeof SPAN_KINDS;
  readonly traceId: string;
  readonly spanId: string;
  /** Null: it is the first of its trace. */
  readonly parentSpanId: string | null;
  /** Epoch milliseconds. */
  readonly start: number;
  readonly end: number;
  readonly attributes: Attributes;
  /** Why it failed; null if it did not. */
  readonly error: string | null;
}

/** `Status.STATUS_CODE_ERROR` */
const FAILED = 2;

/**
 * The body of `POST /v1/traces`.
 *
 * @param resource attributes of the program, `service.name` among them
 */
export const traceBody = (resource: Attributes, spans: readonly Span[]) => ({
  resourceSpans: [
    {
      resource: { attributes: keyValues(resource) },
      scopeSpans: [{ scope: { name: "waterspout" }, spans: spans.map(encodeSpan) }],
    },
  ],
});

const encodeSpan = ({ traceId, spanId, parentSpanId, name, kind, start, end, attributes, error }: Span) => ({
  traceId,
  spanId,
  ...(parentSpanId === null ? {} : { parentSpanId }),
  name,
  kind: SPAN_KINDS[kind],
  startTimeUnixNano: nanoseconds(start),
  endTimeUnixNano: nanoseconds(Math.max(start, end)),
  attributes: keyValues(attributes),
  status: error === null ? {} : { code: FAILED, message: error },
});

/** 64-bit numbers are texts in protobuf's JSON. */
const nanoseconds = (milliseconds: number): string => `${BigInt(Math.round(milliseconds * 1000)) * 1000n}`;

const keyValues = (attributes: Attributes) =>
  Object.entries(attributes).flatMap(([key, value]) =>
    value === null || value === undefined ? [] : [{ key, value: encodeValue(value) }],
  );

function encodeValue(value: AttributeValue) {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: `${value}` } : { doubleValue: value };
}
