import { z } from "zod";
import { type Auth, type Endpoint, refusesBody, scopeOf } from "./api/endpoint.ts";
import { endpoints } from "./api/endpoints.ts";
import { ErrorBody, ProblemBody } from "./api/error.ts";
import { API_ERRORS, type ApiErrorCode } from "./errors.ts";

type Json = Record<string, unknown>;

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

/**
 * The OpenAPI 3.1 document, generated from the schemas that validate requests.
 *
 * @param serverUrl the public base URL, without a trailing slash
 */
export function openApiDocument(serverUrl: string, version: string): Json {
  const schemas: Json = {};
  const byPath = Map.groupBy(Object.entries<Endpoint>(endpoints), ([, endpoint]) => endpoint.path);
  const paths = Object.fromEntries(
    [...byPath].map(([path, routes]) => [
      path,
      Object.fromEntries(
        routes.map(([operationId, endpoint]) => [
          endpoint.method.toLowerCase(),
          operation(operationId, endpoint, schemas),
        ]),
      ),
    ]),
  );
  return {
    openapi: "3.1.0",
    info: {
      title: "Waterspout",
      version,
      description: "Accepts a media URL and delivers the file to your own cloud storage.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: serverUrl }],
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

function operation(operationId: string, endpoint: Endpoint, schemas: Json): Json {
  const parameters = [
    ...parametersOf("path", endpoint.params, schemas),
    ...parametersOf("query", endpoint.query, schemas),
    ...(endpoint.idempotent ? [IDEMPOTENCY_KEY] : []),
  ];
  return {
    operationId,
    summary: endpoint.summary,
    tags: [endpoint.tag],
    security: securityOf(endpoint),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(endpoint.body
      ? {
          requestBody: {
            required: endpoint.body.required,
            content: { "application/json": { schema: jsonSchema(endpoint.body.schema, "input", schemas) } },
          },
        }
      : {}),
    responses: { ...responses(endpoint, schemas), ...refusals(endpoint, schemas) },
  };
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
function securityOf(endpoint: Endpoint): Json[] {
  if (endpoint.auth === "public") return [];
  if (endpoint.auth !== "key") return [{ bearer: [] }];
  const scope = scopeOf(endpoint);
  return [{ apiKey: [scope] }, { bearer: [scope] }];
}

function responses(endpoint: Endpoint, schemas: Json): Json {
  return Object.fromEntries(
    Object.entries(endpoint.responses).map(
      ([status, { description, schema, contentType = "application/json", page }]) => {
        if (Number(status) === 204) return [status, { description }];
        const content = schema ? { schema: jsonSchema(schema, "output", schemas) } : {};
        return [status, { description, content: { [contentType]: content, ...(page && { [page]: {} }) } }];
      },
    ),
  );
}

function refusals(endpoint: Endpoint, schemas: Json): Json {
  const byStatus = Map.groupBy(errorsOf(endpoint), (code) => API_ERRORS[code].status);
  const content = {
    "application/json": { schema: jsonSchema(ErrorBody, "output", schemas) },
    "application/problem+json": { schema: jsonSchema(ProblemBody, "output", schemas) },
  };
  const rows = [...byStatus].map(([status, codes]) => {
    const description = codes.map((code) => `\`${code}\`: ${API_ERRORS[code].sentence}`).join("; ");
    return [status, { description, content }] as const;
  });
  return Object.fromEntries(rows.filter(([status]) => !(status in endpoint.responses)));
}

function parametersOf(place: "path" | "query", object: z.ZodObject | undefined, schemas: Json): Json[] {
  if (!object) return [];
  const schema = jsonSchema(object, "input", schemas) as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(schema.properties ?? {}).map(([name, property]) => ({
    name,
    in: place,
    required: place === "path" || (schema.required ?? []).includes(name),
    // name[key]=value
    ...(property.type === "object" ? { style: "deepObject", explode: true } : {}),
    schema: property,
  }));
}

/** JSON Schema of a zod schema; schemas with an id become components that are referenced. */
function jsonSchema(schema: z.ZodType, io: "input" | "output", schemas: Json): Json {
  const {
    $schema: _dialect,
    $defs,
    ...root
  } = withComponentRefs(z.toJSONSchema(schema, { io, unrepresentable: "any" }));
  for (const [name, definition] of Object.entries(($defs ?? {}) as Json)) schemas[name] = definition;
  const name = z.globalRegistry.get(schema)?.id;
  if (name === undefined || "$ref" in root) return root;
  const { id: _id, ...definition } = root;
  schemas[name] = definition;
  return { $ref: `#/components/schemas/${name}` };
}

const withComponentRefs = (schema: object): Json =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/'));
