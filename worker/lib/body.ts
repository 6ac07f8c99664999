import { ApiError, invalidMember } from "./api-error.ts";

/**
 * Reads a JSON body of bounded size.
 *
 * @returns undefined for an empty body
 * @throws ApiError `payload_too_large`, or `invalid_request` at `body` for anything but JSON
 */
export async function readJson(request: Request, maxBytes: number): Promise<unknown> {
  const text = await readText(request, maxBytes);
  if (text.trim() === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw invalidMember("body", "must be valid JSON");
  }
}

/**
 * Reads a body of bounded size as UTF-8 text.
 *
 * @throws ApiError `payload_too_large`, or `invalid_request` at `body` for other bytes
 */
export async function readText(request: Request, maxBytes: number): Promise<string> {
  const declared = request.headers.get("content-length");
  if (Number(declared) > maxBytes) throw tooLargeError(maxBytes);
  if (!request.body) return "";
  let size = 0;
  let text = "";
  try {
    if (declared !== null) {
      // the platform holds a body to its declared length
      const bytes = await request.arrayBuffer();
      if (bytes.byteLength > maxBytes) throw tooLargeError(maxBytes);
      return wholeBodies.decode(bytes);
    }
    const decoder = newDecoder();
    for await (const chunk of request.body) {
      // a body without a declared length is counted while it arrives
      size += chunk.byteLength;
      if (size > maxBytes) throw tooLargeError(maxBytes);
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw invalidMember("body", "must be UTF-8 text");
  }
}

const newDecoder = () => new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
/** Keeps nothing from one text to the next. */
const wholeBodies = newDecoder();

const tooLargeError = (maxBytes: number): ApiError =>
  new ApiError("payload_too_large", {
    sentence: `The request body is too large (max ${Math.floor(maxBytes / 1024)} KiB)`,
  });

/** Reads a body of bounded size. @throws ApiError `payload_too_large` */
export async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLargeError(maxBytes);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLargeError(maxBytes);
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}
