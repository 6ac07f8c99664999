import { z } from "zod";
import { type Auth, type Endpoint, refusesBody, scopeOf } from "./api/endpoint.ts";
import { type EndpointName, endpoints } from "./api/endpoints.ts";
import { ErrorBody, ProblemBody } from "./api/error.ts";
import { API_ERRORS, type ApiErrorCode } from "./errors.ts";
import { codeSamples } from "./openapi/code-samples.ts";
import { exampleOf } from "./openapi/example.ts";
import type { Json } from "./openapi/json.ts";
import { OPERATION_TEXTS } from "./openapi/operation-texts.ts";

/** Errors that every route for a kind of caller may return. */
const COMMON_ERRORS: Record<Auth, readonly ApiErrorCode[]> = {
  key: [
    "missing_api_key",
    "invalid_api_key",
    "forbidden",
    "rate_limited",
    "internal",
    "dependency_unavailable",
  ],
  admin: ["missing_api_key", "invalid_api_key", "internal", "dependency_unavailable"],
  run: ["invalid_api_key", "lease_lost", "internal"],
  public: ["internal"],
};

/** Errors of requests with an idempotency key. */
const REPEAT_ERRORS: readonly ApiErrorCode[] = ["idempotency_in_progress", "idempotency_key_reused"];

/** Refusals that a body without a use may get. */
const BODY_ERRORS: readonly ApiErrorCode[] = ["invalid_request", "payload_too_large"];

/** Errors that a route may return: its own and those for its kind of caller. */
export function errorsOf(endpoint: Endpoint): ApiErrorCode[] {
  const repeated = endpoint.idempotent ? REPEAT_ERRORS : [];
  const ofBody = refusesBody(endpoint) ? BODY_ERRORS : [];
  return [...new Set([...endpoint.errors, ...repeated, ...ofBody, ...COMMON_ERRORS[endpoint.auth]])];
}

/** Versions of OpenAPI that the document is available in; marketplaces and older generators take 3.0 only. */
export type OpenApiVersion = "3.1.0" | "3.0.3";

/** What an operation is made with. */
interface Making {
  readonly version: OpenApiVersion;
  readonly serverUrl: string;
  /** Schemas with names, filled in as operations refer to them. */
  readonly schemas: Json;
}

/**
 * The OpenAPI document, generated from the schemas that validate requests.
 *
 * @param serverUrl the public base URL, without a trailing slash
 * @param release version of the service
 */
export function openApiDocument(serverUrl: string, release: string, version: OpenApiVersion = "3.1.0"): Json {
  const schemas: Json = {};
  const making = { version, serverUrl, schemas };
  const byPath = Map.groupBy(Object.entries<Endpoint>(endpoints), ([, endpoint]) => endpoint.path);
  const paths = Object.fromEntries(
    [...byPath].map(([path, routes]) => [
      path,
      Object.fromEntries(
        routes.map(([operationId, endpoint]) => [
          endpoint.method.toLowerCase(),
          operation(operationId, endpoint, making),
        ]),
      ),
    ]),
  );
  return {
    openapi: version,
    info: {
      title: "Waterspout",
      version: release,
      description: DESCRIPTION,
      contact: { name: "The operator of this instance", url: serverUrl },
      license:
        version === "3.1.0"
          ? { name: "Apache-2.0", identifier: "Apache-2.0" }
          : { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
    },
    servers: [{ url: serverUrl }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas,
      securitySchemes: {
        apiKey: { type: "apiKey", in: "header", name: "x-api-key" },
        bearer: {
          type: "http",
          scheme: "bearer",
          description: "An API key, or the operator's token under /admin",
        },
      },
    },
  };
}

const DESCRIPTION = `Accepts a media URL and delivers the file to your own cloud storage.

Send your key as \`x-api-key\`, or as a bearer token. Bodies are JSON. Times are milliseconds since 1970, unless a field says otherwise. Every error has the same form: \`error\` is a sentence for people, \`code\` is stable for programs, \`issues\` names the fields that are wrong, and \`request_id\` finds the request in the log.`;

const TAGS: Readonly<Record<Endpoint["tag"], string>> = {
  Jobs: "One URL, one file: create, follow, cancel, retry.",
  Batches: "Shows, playlists, channels and lists of URLs.",
  Subscriptions: "Sources that are followed: each new entry becomes a job, once.",
  Media: "What a source offers, without downloading it.",
  Account: "Your own storage, and what you have used.",
  Webhooks: "Events when jobs end, their delivery log, and Slack.",
  Dashboard: "Figures for a console.",
  Operator: "Accounts, keys and maintenance. These operations take the operator's token.",
  Service: "Health, and this documentation.",
};

function operation(operationId: string, endpoint: Endpoint, making: Making): Json {
  const parameters = [
    ...parametersOf("path", endpoint, operationId, making),
    ...parametersOf("query", endpoint, operationId, making),
    ...(endpoint.idempotent ? [IDEMPOTENCY_KEY] : []),
  ];
  const text = textOf(operationId);
  const body = endpoint.body && bodyOf(endpoint.body, text?.request, making);
  const samples = codeSamples({
    ...{ name: operationId, endpoint, serverUrl: making.serverUrl },
    ...{ body: body?.example, query: text?.query },
  });
  return {
    operationId,
    summary: endpoint.summary,
    ...(text ? { description: text.description } : {}),
    tags: [endpoint.tag],
    security: securityOf(endpoint, making.version),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body ? { requestBody: body.requestBody } : {}),
    responses: { ...responses(endpoint, text?.response, making), ...refusals(endpoint, making) },
    "x-codeSamples": samples,
  };
}

const textOf = (operationId: string) => OPERATION_TEXTS[operationId as EndpointName];

function bodyOf(body: NonNullable<Endpoint["body"]>, given: object | undefined, making: Making) {
  const schema = jsonSchema(body.schema, "input", making);
  const example = given && (exampleOf(schema, given, making.schemas) as object);
  const content = { "application/json": { schema, ...(example ? { example } : {}) } };
  return { example, requestBody: { required: body.required, content } };
}

const IDEMPOTENCY_KEY: Json = {
  name: "x-idempotency-key",
  in: "header",
  required: false,
  description:
    "Also as Idempotency-Key. The first response below 500 is replayed for 24 hours, with `cached` and the header idempotent-replayed",
  schema: { type: "string", minLength: 1, maxLength: 255 },
};

/** OpenAPI 3.1 allows roles in a security requirement: here the scope that a caller's key needs. */
function securityOf(endpoint: Endpoint, version: OpenApiVersion): Json[] {
  if (endpoint.auth === "public") return [];
  if (endpoint.auth !== "key") return [{ bearer: [] }];
  const scopes = version === "3.1.0" ? [scopeOf(endpoint)] : [];
  return [{ apiKey: scopes }, { bearer: scopes }];
}

/** @param given members of the example of the first response */
function responses(endpoint: Endpoint, given: unknown, making: Making): Json {
  return Object.fromEntries(
    Object.entries(endpoint.responses).map(
      ([status, { description, schema, contentType = "application/json", page }], index) => {
        if (Number(status) === 204) return [status, { description }];
        if (!schema) return [status, { description, content: { [contentType]: { schema: TEXT } } }];
        const shape = jsonSchema(schema, "output", making);
        const example =
          index === 0 && given !== undefined ? exampleOf(shape, given, making.schemas) : undefined;
        const content = { schema: shape, ...(example === undefined ? {} : { example }) };
        return [
          status,
          { description, content: { [contentType]: content, ...(page && { [page]: { schema: TEXT } }) } },
        ];
      },
    ),
  );
}

const TEXT: Json = { type: "string" };

function refusals(endpoint: Endpoint, making: Making): Json {
  const byStatus = Map.groupBy(errorsOf(endpoint), (code) => API_ERRORS[code].status);
  const error = jsonSchema(ErrorBody, "output", making);
  const problem = jsonSchema(ProblemBody, "output", making);
  const rows = [...byStatus].map(([status, codes]) => {
    const description = codes.map((code) => `\`${code}\`: ${API_ERRORS[code].sentence}`).join("; ");
    const examples = codes.map((code) => [code, { value: errorExample(code) }]);
    const content = {
      "application/json": { schema: error, examples: Object.fromEntries(examples) },
      "application/problem+json": { schema: problem },
    };
    return [status, { description, content }] as const;
  });
  return Object.fromEntries(rows.filter(([status]) => !(status in endpoint.responses)));
}

const errorExample = (code: ApiErrorCode): Json => ({
  error: API_ERRORS[code].sentence,
  code,
  request_id: "01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17",
});

function parametersOf(place: "path" | "query", endpoint: Endpoint, name: string, making: Making): Json[] {
  const object = place === "path" ? endpoint.params : endpoint.query;
  if (!object) return [];
  const schema = jsonSchema(object, "input", making) as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  const examples: Readonly<Record<string, unknown>> = (place === "query" && textOf(name)?.query) || {};
  return Object.entries(schema.properties ?? {}).map(([parameter, { description, ...property }]) => ({
    name: parameter,
    in: place,
    required: place === "path" || (schema.required ?? []).includes(parameter),
    ...(description === undefined ? {} : { description }),
    // name[key]=value
    ...(property.type === "object" ? { style: "deepObject", explode: true } : {}),
    schema: property,
    ...(parameter in examples ? { example: examples[parameter] } : {}),
  }));
}

/** JSON Schema of a zod schema; schemas with an id become components that are referenced. */
function jsonSchema(schema: z.ZodType, io: "input" | "output", { version, schemas }: Making): Json {
  const target = version === "3.1.0" ? "draft-2020-12" : "openapi-3.0";
  const {
    $schema: _dialect,
    $defs,
    definitions,
    ...root
  } = withComponentRefs(z.toJSONSchema(schema, { io, target, unrepresentable: "any", override }));
  for (const [name, definition] of Object.entries(($defs ?? definitions ?? {}) as Json)) {
    schemas[name] = definition;
  }
  const name = z.globalRegistry.get(schema)?.id;
  if (name === undefined || "$ref" in root) return root;
  const { id: _id, ...definition } = root;
  schemas[name] = definition;
  return { $ref: `#/components/schemas/${name}` };
}

/** Also replaces compositions of one schema, which OpenAPI 3.0 gives rise to, by that schema. */
function withComponentRefs(schema: object): Json {
  const text = JSON.stringify(schema).replaceAll(/"#\/(\$defs|definitions)\//g, '"#/components/schemas/');
  return JSON.parse(text.replaceAll(/\{"allOf":\[(\{"\$ref":"[^"]+"\})\]\}/g, "$1"));
}

/** OpenAPI 3.0 wants a type next to `nullable`. */
function override({ jsonSchema: schema }: { jsonSchema: Json }): void {
  if (schema.nullable === true && schema.type === undefined) schema.type = "object";
}
