import { marked } from "marked";
import type { Endpoint } from "../../schema/api/endpoint.ts";
import { endpoints } from "../../schema/api/endpoints.ts";
import { API_ERRORS, type ApiErrorCode } from "../../schema/errors.ts";
import { errorsOf, openApiDocument } from "../../schema/openapi.ts";
import { API_ADVICE } from "../readme/advice.ts";
import { escapeHtml } from "./escape-html.ts";
import { codeBlock, type PagePart } from "./markdown.ts";
import { inlineText, membersTable, type Schema, typeHtml } from "./schema-html.ts";

interface Content {
  readonly schema: Schema;
  readonly example?: unknown;
}
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required: boolean;
    readonly description?: string;
    readonly schema: Schema;
  }[];
  readonly requestBody?: { readonly required: boolean; readonly content: Readonly<Record<string, Content>> };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Readonly<Record<string, Content>> }>
  >;
  readonly "x-codeSamples": readonly { readonly label: string; readonly source: string }[];
}
interface Document {
  readonly info: { readonly description: string };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

export interface Reference {
  readonly html: string;
  readonly parts: readonly PagePart[];
}

/**
 * The reference of the API as one page: each operation with its text, its fields and programs that call it, one table of
 * errors, and the objects that operations share.
 */
export function renderReference(serverUrl: string, version: string): Reference {
  const document = openApiDocument(serverUrl, version) as unknown as Document;
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const sections = document.tags.map(({ name, description }) => {
    const own = operations.filter(({ operation }) => operation.tags.includes(name));
    return { name, description, own };
  });
  const { schemas } = document.components;
  const html = [
    "<h1>API reference</h1>",
    marked.parse(document.info.description, { async: false }),
    `<p>The same as <a href="/openapi.json">OpenAPI 3.1</a> for programs.</p>`,
    contents(sections),
    ...sections.map(
      ({ name, description, own }) =>
        `<section class="docs-section"><h2 id="${name.toLowerCase()}">${name}</h2><p>${inlineText(description)}</p>${own.map((placed) => operationHtml(placed, schemas)).join("\n")}</section>`,
    ),
    errorsHtml(),
    `<section class="docs-section"><h2 id="objects">Objects</h2>${Object.entries(schemas).map(schemaHtml).join("\n")}</section>`,
  ].join("\n");
  const parts = operations.map(({ path, method, operation }) => ({
    level: 3,
    title: operation.summary,
    anchor: operation.operationId,
    text: `${method} ${path} ${operation.description ?? ""}`,
  }));
  return { html, parts };
}

type Schemas = Readonly<Record<string, Schema>>;
type Placed = { readonly path: string; readonly method: string; readonly operation: Operation };

function contents(sections: readonly { name: string; own: readonly Placed[] }[]): string {
  const rows = sections.map(({ name, own }) => {
    const links = own.map(
      ({ path, method, operation }) =>
        `<li><a href="#${operation.operationId}"><span class="method ${method}">${method}</span> <code>${escapeHtml(path)}</code></a></li>`,
    );
    return `<div><h2><a href="#${name.toLowerCase()}">${name}</a></h2><ul>${links.join("")}</ul></div>`;
  });
  return `<div class="contents">${rows.join("\n")}</div>`;
}

function operationHtml({ path, method, operation }: Placed, schemas: Schemas): string {
  const { operationId, summary, description = "", requestBody, parameters = [] } = operation;
  const body = requestBody?.content["application/json"];
  const [status, response] = Object.entries(operation.responses)[0] ?? [];
  const content = Object.entries(response?.content ?? {})[0];
  const shown = content?.[1].example;
  const text = [
    `<h3 id="${operationId}">${inlineText(summary)}</h3>`,
    `<p class="call"><span class="method ${method}">${method}</span> <code>${escapeHtml(path)}</code> ${accessHtml(operation)}</p>`,
    marked.parse(description, { async: false }),
    parameters.length > 0 ? `<h4>Parameters</h4>${parametersHtml(parameters)}` : "",
    body ? `<h4>Body${requestBody?.required ? "" : " (optional)"}</h4>${bodyHtml(body.schema, schemas)}` : "",
    `<h4>Response</h4><p><code>${status}</code> ${inlineText(response?.description ?? "")}${content?.[1].schema ? `: ${typeHtml(content[1].schema)}` : ""}</p>`,
    errorCodesHtml(operationId),
  ];
  const samples = operation["x-codeSamples"].map(
    ({ label, source }) =>
      `<div class="sample" data-language="${label}"><p class="sample-label">${label}</p>${codeBlock(source, label === "curl" ? "sh" : label)}</div>`,
  );
  const example =
    shown === undefined
      ? ""
      : `<div class="response"><p class="sample-label">Response</p>${codeBlock(JSON.stringify(shown, null, 2), "json")}</div>`;
  return `<article class="operation"><div class="operation-text">${text.join("\n")}</div><div class="operation-code"><div class="samples">${samples.join("\n")}</div>${example}</div></article>`;
}

function accessHtml({ security }: Operation): string {
  const [first] = security;
  if (!first) return '<span class="access">open to everybody</span>';
  const [scope] = first.apiKey ?? [];
  return `<span class="access">${scope ? `key with scope <code>${scope}</code>` : "operator's token"}</span>`;
}

const parametersHtml = (parameters: NonNullable<Operation["parameters"]>): string =>
  membersTable({
    properties: Object.fromEntries(
      parameters.map(({ name, in: place, schema, description }) => [
        name,
        { ...schema, description: description ?? (place === "path" ? "In the path" : "") },
      ]),
    ),
    required: parameters.filter(({ required }) => required).map(({ name }) => name),
  });

const bodyHtml = (schema: Schema, schemas: Schemas): string =>
  membersTable(schemas[schema.$ref?.split("/").at(-1) ?? ""] ?? schema);

function errorCodesHtml(operationId: string): string {
  const endpoint = endpoints[operationId as keyof typeof endpoints] as Endpoint;
  const codes = errorsOf(endpoint).map((code) => `<a href="#error-${code}"><code>${code}</code></a>`);
  return `<h4>Errors</h4><p class="codes">${codes.join(" ")}</p>`;
}

function errorsHtml(): string {
  const rows = Object.entries(API_ERRORS).map(
    ([code, { status, sentence }]) =>
      `<tr id="error-${code}"><td><code>${code}</code></td><td>${status}</td><td>${inlineText(sentence)}</td><td>${inlineText(API_ADVICE[code as ApiErrorCode] ?? "")}</td></tr>`,
  );
  return `<section class="docs-section"><h2 id="errors">Errors</h2><p>Every refusal has one of these codes. Why a job failed is in its <code>error_code</code>: <a href="/docs/troubleshooting">Troubleshooting</a> explains each.</p><div class="table" tabindex="0" role="region" aria-label="Errors"><table><thead><tr><th>Code</th><th>Status</th><th>Meaning</th><th>What to do</th></tr></thead><tbody>${rows.join("\n")}</tbody></table></div></section>`;
}

const schemaHtml = ([name, schema]: [string, Schema]): string =>
  `<article class="schema"><h3 id="schema-${name}">${name}</h3>${schema.description ? `<p>${inlineText(schema.description)}</p>` : ""}${membersTable(schema) || `<p>${typeHtml(schema)}</p>`}</article>`;
