import { Readable } from "node:stream";
import type { IHttpClient } from "@azure/storage-blob";
import type { StorageRequest, StorageTransport } from "../transport.ts";

type AzureRequest = Parameters<IHttpClient["sendRequest"]>[0];

/** Makes Azure's SDK use the project's transport: it has no network access of its own. */
export function azureHttpClient(transport: StorageTransport): IHttpClient {
  return {
    async sendRequest(request) {
      const { status, headers, text } = await transport.exchange({
        method: request.method,
        url: new URL(request.url),
        headers: request.headers.rawHeaders(),
        body: bodyOf(request),
        signal: request.abortSignal instanceof AbortSignal ? request.abortSignal : undefined,
      });
      const answered = request.headers.clone();
      for (const name of answered.headerNames()) answered.remove(name);
      for (const [name, value] of Object.entries(headers)) answered.set(name, String(value));
      return { request, status, headers: answered, bodyAsText: text };
    },
  };
}

function bodyOf({ body }: AzureRequest): StorageRequest["body"] {
  if (body === undefined || body === null) return [];
  if (typeof body === "string") return [Buffer.from(body)];
  if (typeof body === "function") return bodyOf({ body: body() } as AzureRequest);
  if (body instanceof Readable) return body;
  if (body instanceof Uint8Array) return [body];
  throw new TypeError("a body of unknown kind");
}
