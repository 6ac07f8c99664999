import { expect } from "vitest";
import type { Endpoint } from "../../../schema/api/endpoint.ts";
import { endpoints } from "../../../schema/api/endpoints.ts";
import { ErrorBody } from "../../../schema/api/error.ts";
import { errorsOf } from "../../../schema/openapi.ts";

const ENDPOINTS = Object.values<Endpoint>(endpoints).map((endpoint) => ({
  endpoint,
  path: new RegExp(`^${endpoint.path.replaceAll(/\{\w+\}/g, "[^/]+")}$`),
}));

/** The endpoint that serves a path; undefined for unknown paths and the processor's reports. */
function endpointOf(method: string, path: string): Endpoint | undefined {
  const { pathname } = new URL(path, "https://waterspout.example");
  return ENDPOINTS.find(({ endpoint, path: form }) => endpoint.method === method && form.test(pathname))
    ?.endpoint;
}

/** Every response must be one that the endpoints table, and so the OpenAPI document, declares. */
export async function checkResponse(method: string, path: string, response: Response): Promise<void> {
  expect(response.headers.get("x-request-id")).toMatch(/^[\w.-]{8,128}$/);
  const endpoint = endpointOf(method, path);
  const type = response.headers.get("content-type") ?? "";
  if (!endpoint || response.status === 204) return;
  const promised = endpoint.responses[response.status];
  if (promised) {
    if (type.startsWith("application/json")) promised.schema?.parse(await response.clone().json());
    else expect(type).toContain(promised.page ?? promised.contentType);
    return;
  }
  if (!type.startsWith("application/json")) return;
  const { code } = ErrorBody.parse(await response.clone().json());
  expect(errorsOf(endpoint)).toContain(code);
}
