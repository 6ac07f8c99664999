import { execFileSync } from "node:child_process";
import { createConfig, lintFromString } from "@redocly/openapi-core";
import { describe, expect, it } from "vitest";
import { type Endpoint, scopeOf } from "../../schema/api/endpoint.ts";
import { endpoints } from "../../schema/api/endpoints.ts";
import { OPERATION_TEXTS } from "../../schema/openapi/operation-texts.ts";
import { withoutOperator } from "../../schema/openapi/without-operator.ts";
import { type OpenApiVersion, openApiDocument } from "../../schema/openapi.ts";
import { inRepository } from "../support/repository.ts";

const SERVER = "https://api.waterspout.dev";
const document = (version: OpenApiVersion) => openApiDocument(SERVER, "1.0.0", version);

interface Operation {
  readonly operationId: string;
  readonly description?: string;
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly example?: unknown }>> };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly example?: unknown }>> }>
  >;
  readonly "x-codeSamples": readonly { readonly label: string; readonly source: string }[];
}

const operations = Object.values(
  document("3.1.0").paths as Record<string, Record<string, Operation>>,
).flatMap((path) => Object.values(path));

describe.each(["3.1.0", "3.0.3"] as const)("the OpenAPI %s document", (version) => {
  it("passes Redocly's recommended rules, with examples that fit their schemas", async () => {
    const problems = await lintFromString({
      source: JSON.stringify(document(version)),
      absoluteRef: "openapi.json",
      config: await createConfig({ extends: ["recommended"] }),
    });
    const found = problems.map(({ ruleId, message, location }) => ({
      ruleId,
      message,
      pointer: location[0]?.pointer ?? "",
    }));
    // public routes take no input, so there is nothing to refuse
    const open = Object.values<Endpoint>(endpoints).filter(({ auth }) => auth === "public");
    const pointers = open.map(({ path }) => `#/paths/${path.replaceAll("/", "~1")}/get/responses`);
    expect(
      found.filter(
        ({ ruleId, pointer }) => !(ruleId === "operation-4xx-response" && pointers.includes(pointer)),
      ),
    ).toEqual([]);
  }, 60_000);
});

it("leaves out what callers of a marketplace cannot use", () => {
  const { paths } = withoutOperator(document("3.0.3")) as { paths: object };
  expect(Object.keys(paths)).toEqual(expect.arrayContaining(["/jobs", "/batch/{id}", "/metadata"]));
  expect(Object.keys(paths).filter((path) => /admin|user|console|docs/.test(path))).toEqual([]);
});

it("is printed by the command in the guide for marketplaces", () => {
  const node = inRepository("node_modules", ".bin", "node");
  const args = ["bin/openapi.ts", "--openapi", "3.0", "--server", SERVER, "--public"];
  const printed = execFileSync(node, args, { cwd: inRepository(), encoding: "utf8", stdio: "pipe" });
  expect(JSON.parse(printed)).toMatchObject({ openapi: "3.0.3", servers: [{ url: SERVER }] });
});

describe("every operation", () => {
  it("has a description", () => {
    const names = Object.keys(endpoints);
    expect(names.filter((name) => !(name in OPERATION_TEXTS))).toEqual([]);
    expect(operations.filter(({ description }) => !description)).toEqual([]);
  });

  it("has examples of its request and of its response", () => {
    const without = operations.filter(({ operationId, requestBody, responses }) => {
      const endpoint = endpoints[operationId as keyof typeof endpoints] as Endpoint;
      const request = requestBody?.content["application/json"];
      const [first] = Object.values(responses);
      const response = Object.values(first?.content ?? {})[0];
      const mustSend = endpoint.body?.required && request?.example === undefined;
      const schema = Object.values(endpoint.responses)[0]?.schema;
      return mustSend || (schema && operationId !== "openapi" && response?.example === undefined);
    });
    expect(without.map(({ operationId }) => operationId)).toEqual([]);
  });

  it("has samples in three languages, without a key in them", () => {
    for (const operation of operations) {
      const samples = operation["x-codeSamples"];
      expect(samples.map(({ label }) => label)).toEqual(["curl", "TypeScript", "Python"]);
      for (const { source } of samples) {
        expect(source).toContain(SERVER);
        const keyed = operation.security.length > 0;
        expect([source, /WATERSPOUT_(API_KEY|ADMIN_TOKEN)/.test(source)]).toEqual([source, keyed]);
      }
    }
  });

  it("names the scope that its key needs", () => {
    for (const { operationId, security } of operations) {
      const endpoint = endpoints[operationId as keyof typeof endpoints] as Endpoint;
      if (endpoint.auth === "key") expect(security[0]?.apiKey).toEqual([scopeOf(endpoint)]);
    }
  });
});
