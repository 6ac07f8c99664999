import { createHash, randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { crc32 } from "node:zlib";
import { escapeXml } from "../../schema/xml.ts";

/** What differs between the services that speak the XML interface. */
export interface StoreOptions {
  readonly bucket: string;
  /** Minimum size of all parts but the last. */
  readonly minPartBytes: number;
  /** Prefix of the headers that hold an object's metadata. @example "x-goog-meta-" */
  readonly metadataPrefix: string;
  /** An object's ETag is computed from those of its parts, as in S3. */
  readonly compositeEtags?: boolean;
  /**
   * What a stored object may be the source of: parts of an upload, as at S3 and OSS, or whole objects only, as at Google,
   * whose objects have generations.
   */
  readonly copies: "parts" | "whole";
  /** CRC-32 as S3 has it: an upload that begins with it needs it for each part, and again at its completion. */
  readonly crc32?: boolean;
}

/** What careful people configure for a bucket, and what may go wrong in it. */
export interface BucketRules {
  /** Object lock: everything that is stored must come with a checksum. */
  checksumRequired?: boolean;
  /** A policy: a request that creates an object must send these headers. */
  headersRequired?: Readonly<Record<string, string>>;
  /** The credentials may write only. */
  readsRefused?: "none" | "objects" | "objects and parts";
  /** Parts that are stored with a wrong byte, and whose checksums are not verified. */
  damagedParts?: number;
  /**
   * What services do with the CRC-32s of S3 that do not have them: `ignored` as most; `refused` as R2 and Backblaze did;
   * `unconfirmed` and `parts refused` after they agreed to them.
   */
  crc32?: "verified" | "ignored" | "refused" | "unconfirmed" | "parts refused";
  /** Completed objects lose their last byte. */
  cutsObjects?: boolean;
  /** Copies that are answered with 200 and an error in the body, as S3 documents it. */
  failedCopies?: number;
}

/** An authorised request. */
export interface StoreRequest {
  readonly bucket: string;
  /** Decoded; empty for the bucket. */
  readonly key: string;
  readonly query: URLSearchParams;
}

/** A refusal, as the services word it. */
export class RefusedError extends Error {
  readonly status: number;
  readonly code: string;
  /** Further elements of the response. */
  readonly details: string;

  constructor(status: number, code: string, message: string, details = "") {
    super(message);
    this.details = details;
    this.status = status;
    this.code = code;
  }
}

interface StoredObject {
  readonly headers: Readonly<Record<string, string>>;
  readonly files: readonly string[];
  readonly bytes: number;
  readonly etag: string;
  /** Microseconds, as at Google; each object has a higher one than those before. */
  readonly generation: number;
}

interface Part {
  readonly file: string;
  readonly etag: string;
  readonly bytes: number;
  /** Base64; absent for an upload without. */
  readonly crc32?: string;
}

interface StoredUpload {
  readonly key: string;
  readonly initiated: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly parts: Map<number, Part>;
  readonly hasCrc32: boolean;
}

/**
 * Objects and multipart uploads behind the XML interface that S3 made common, as Google and Alibaba document it. Does
 * not check signatures. Bytes are kept in files, parts are never joined.
 */
export class MultipartStore {
  readonly rules: BucketRules = {};
  readonly #options: StoreOptions;
  readonly #folder: string;
  readonly #objects = new Map<string, StoredObject>();
  readonly #uploads = new Map<string, StoredUpload>();
  #generation = Date.now() * 1000;

  private constructor(options: StoreOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
  }

  /** Prefix of all headers of the service. @example "x-amz-" */
  get #optionPrefix(): string {
    return this.#options.metadataPrefix.replace("meta-", "");
  }

  static async create(options: StoreOptions): Promise<MultipartStore> {
    return new MultipartStore(options, await mkdtemp(join(tmpdir(), "store-")));
  }

  /** Keys of all objects. */
  get keys(): string[] {
    return [...this.#objects.keys()];
  }

  has(key: string): boolean {
    return this.#objects.has(key);
  }

  /** Keys of unfinished uploads. */
  get unfinished(): string[] {
    return [...this.#uploads.values()].map(({ key }) => key);
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** @throws Refusal */
  async handle(req: IncomingMessage, res: ServerResponse, request: StoreRequest): Promise<void> {
    const { bucket, key, query } = request;
    if (bucket !== this.#options.bucket) {
      throw new RefusedError(404, "NoSuchBucket", "The specified bucket does not exist.");
    }
    const uploadId = query.get("uploadId");
    if (key === "" && req.method === "GET" && query.has("uploads")) return this.#listUploads(res, query);
    if (key === "" && req.method === "GET" && query.get("list-type") === "2") {
      return this.#listObjects(res, query);
    }
    if (key === "") throw new RefusedError(405, "MethodNotAllowed", "The bucket takes no such request.");
    if (uploadId !== null) return await this.#handleUpload(req, res, key, uploadId, query);
    if (req.method === "POST" && query.has("uploads")) {
      this.#requireHeaders(req);
      return this.#initiate(req, res, key);
    }
    if (req.method === "GET" || req.method === "HEAD") return await this.#read(req, res, key, query);
    if (req.method === "PUT") {
      this.#requireHeaders(req);
      if (this.#copySourceOf(req) !== null) return await this.#copyObject(req, res, key);
      return await this.#putObject(req, res, key);
    }
    if (req.method === "DELETE") {
      this.#objects.delete(key);
      res.writeHead(204).end();
      return;
    }
    throw new RefusedError(405, "MethodNotAllowed", "The object takes no such request.");
  }

  async #handleUpload(
    req: IncomingMessage,
    res: ServerResponse,
    key: string,
    uploadId: string,
    query: URLSearchParams,
  ): Promise<void> {
    if (req.method === "GET" && this.rules.readsRefused === "objects and parts") throw accessDenied();
    const upload = this.#uploads.get(uploadId);
    if (!upload || upload.key !== key) {
      throw new RefusedError(404, "NoSuchUpload", "The specified upload does not exist.");
    }
    if (req.method === "GET") return this.#listParts(res, upload);
    if (req.method === "PUT" && this.#copySourceOf(req) !== null) {
      return await this.#copyPart(req, res, upload, Number(query.get("partNumber")));
    }
    if (req.method === "PUT") return await this.#putPart(req, res, upload, Number(query.get("partNumber")));
    if (req.method === "POST") return await this.#complete(req, res, uploadId, upload);
    if (req.method === "DELETE") {
      this.#uploads.delete(uploadId);
      res.writeHead(204).end();
      return;
    }
    throw new RefusedError(405, "MethodNotAllowed", "The upload takes no such request.");
  }

  /** Stores a whole object with one request. */
  async #putObject(req: IncomingMessage, res: ServerResponse, key: string): Promise<void> {
    const upload = this.#newUpload(req, key);
    await this.#putPart(req, res, upload, 1);
    this.#objects.set(key, this.#objectOf(upload, [...upload.parts.values()]));
  }

  /** The decoded key of a request's source; null without one. */
  #copySourceOf(req: IncomingMessage): string | null {
    const source = req.headers[`${this.#optionPrefix}copy-source`];
    if (source === undefined) return null;
    const [bucket = "", ...segments] = String(source).replace(/^\//, "").split("/");
    if (decodeURIComponent(bucket) !== this.#options.bucket) {
      throw new RefusedError(404, "NoSuchBucket", "The specified bucket does not exist.");
    }
    return decodeURIComponent(segments.join("/"));
  }

  /** @throws RefusedError when there is no source, or another one than the request expects */
  #requireSource(req: IncomingMessage): StoredObject {
    const source = this.#objects.get(this.#copySourceOf(req) ?? "");
    if (!source) throw new RefusedError(404, "NoSuchKey", "The specified key does not exist.");
    const condition = (name: string) => req.headers[`${this.#optionPrefix}copy-source-${name}`];
    const [etag, generation] = [condition("if-match"), condition("if-generation-match")];
    const isOther = etag !== undefined && etag !== source.etag;
    if (isOther || (generation !== undefined && Number(generation) !== source.generation))
      throw preconditionFailed();
    return source;
  }

  /** True if this copy fails; S3 has sent the head of its response by then. */
  #failsCopy(res: ServerResponse): boolean {
    const { failedCopies = 0 } = this.rules;
    if (failedCopies === 0) return false;
    this.rules.failedCopies = failedCopies - 1;
    sendXml(res, "<Error><Code>InternalError</Code><Message>Please try again.</Message></Error>");
    return true;
  }

  async #copyPart(
    req: IncomingMessage,
    res: ServerResponse,
    upload: StoredUpload,
    number: number,
  ): Promise<void> {
    if (this.#options.copies === "whole") {
      throw new RefusedError(
        501,
        "NotImplemented",
        "A header you provided implies functionality that is not implemented.",
      );
    }
    const { files, bytes } = this.#requireSource(req);
    const range = req.headers[`${this.#optionPrefix}copy-source-range`];
    const [, first = "0", last = String(bytes - 1)] = /^bytes=(\d+)-(\d+)$/.exec(String(range ?? "")) ?? [];
    if (range !== undefined && (Number(last) >= bytes || Number(first) > Number(last))) {
      throw new RefusedError(400, "InvalidArgument", "Range specified is not valid for source object.");
    }
    if (this.#failsCopy(res)) return;
    const content = Buffer.concat(await Readable.from(contentOf(files)).toArray()).subarray(
      Number(first),
      Number(last) + 1,
    );
    const file = join(this.#folder, randomUUID());
    await writeFile(file, content);
    const etag = `"${createHash("md5").update(content).digest("hex").toUpperCase()}"`;
    upload.parts.set(number, { file, etag, bytes: content.length });
    sendXml(res, `<CopyPartResult><ETag>${escapeXml(etag)}</ETag></CopyPartResult>`);
  }

  async #copyObject(req: IncomingMessage, res: ServerResponse, key: string): Promise<void> {
    const { files, bytes, etag } = this.#requireSource(req);
    const expected = req.headers[`${this.#optionPrefix}if-generation-match`];
    const current = this.#objects.get(key)?.generation ?? 0;
    if (expected !== undefined && Number(expected) !== current) throw preconditionFailed();
    if (this.#failsCopy(res)) return;
    const { headers } = this.#newUpload(req, key);
    this.#objects.set(key, { headers, files, bytes, etag, generation: ++this.#generation });
    sendXml(res, `<CopyObjectResult><ETag>${escapeXml(etag)}</ETag></CopyObjectResult>`);
  }

  /** A policy of the bucket only says that access is denied. */
  #requireHeaders(req: IncomingMessage): void {
    const required = Object.entries(this.rules.headersRequired ?? {});
    if (required.some(([name, value]) => req.headers[name] !== value)) throw accessDenied();
  }

  #objectOf({ headers }: StoredUpload, parts: readonly Part[]): StoredObject {
    const sum = parts.reduce((total, { bytes }) => total + bytes, 0);
    const md5s = parts.map(({ etag }) => Buffer.from(etag.replaceAll('"', ""), "hex"));
    const composite = `"${createHash("md5").update(Buffer.concat(md5s)).digest("hex")}-${parts.length}"`;
    return {
      headers,
      files: parts.map(({ file }) => file),
      bytes: this.rules.cutsObjects ? sum - 1 : sum,
      etag: this.#options.compositeEtags && !this.rules.cutsObjects ? composite : `"${randomUUID()}"`,
      generation: ++this.#generation,
    };
  }

  #listParts(res: ServerResponse, { parts }: StoredUpload): void {
    const listed = [...parts].map(
      ([number, { etag, bytes }]) =>
        `<Part><PartNumber>${number}</PartNumber><ETag>${escapeXml(etag)}</ETag><Size>${bytes}</Size></Part>`,
    );
    sendXml(res, `<ListPartsResult><IsTruncated>false</IsTruncated>${listed.join("")}</ListPartsResult>`);
  }

  #newUpload(req: IncomingMessage, key: string): StoredUpload {
    const kept = /^(content-type|content-disposition|cache-control)$/;
    const headers = Object.fromEntries(
      Object.entries(req.headers)
        .filter(([name]) => kept.test(name) || name.startsWith(this.#optionPrefix))
        .map(([name, value]) => [name, String(value)]),
    );
    const hasCrc32 = this.#knowsCrc32 && req.headers["x-amz-checksum-algorithm"] === "CRC32";
    return { key, headers, initiated: new Date().toISOString(), parts: new Map(), hasCrc32 };
  }

  get #knowsCrc32(): boolean {
    const { crc32 = "verified" } = this.rules;
    return this.#options.crc32 === true && crc32 !== "ignored" && crc32 !== "refused";
  }

  /** The name of a header that this service refuses, as Backblaze words it. */
  #refuseHeader(req: IncomingMessage, name: string): void {
    if (req.headers[name] === undefined) return;
    throw new RefusedError(
      400,
      "InvalidArgument",
      `Unsupported header '${name}' received for this API call.`,
    );
  }

  #initiate(req: IncomingMessage, res: ServerResponse, key: string): void {
    if (this.rules.crc32 === "refused") this.#refuseHeader(req, "x-amz-checksum-algorithm");
    const uploadId = randomUUID();
    const upload = this.#newUpload(req, key);
    this.#uploads.set(uploadId, upload);
    if (upload.hasCrc32) {
      res.setHeader("x-amz-checksum-algorithm", "CRC32").setHeader("x-amz-checksum-type", "COMPOSITE");
    }
    sendXml(
      res,
      `<InitiateMultipartUploadResult><Bucket>${this.#options.bucket}</Bucket><Key>${escapeXml(key)}</Key><UploadId>${uploadId}</UploadId></InitiateMultipartUploadResult>`,
    );
  }

  async #putPart(
    req: IncomingMessage,
    res: ServerResponse,
    upload: StoredUpload,
    number: number,
  ): Promise<void> {
    if (!Number.isInteger(number) || number < 1 || number > 10_000) {
      throw new RefusedError(400, "InvalidArgument", "Part number must be an integer between 1 and 10000.");
    }
    const announced = req.headers["content-length"];
    if (announced === undefined) {
      throw new RefusedError(411, "MissingContentLength", "You must provide the Content-Length header.");
    }
    const wanted = req.headers["content-md5"];
    if (this.rules.crc32 === "parts refused") this.#refuseHeader(req, "x-amz-checksum-crc32");
    const wantedCrc32 = req.headers["x-amz-checksum-crc32"]?.toString();
    if (this.#knowsCrc32 && upload.hasCrc32 !== (wantedCrc32 !== undefined)) {
      const [expected, actual] = upload.hasCrc32 ? ["crc32", "null"] : ["null", "crc32"];
      const message = `Checksum Type mismatch occurred, expected checksum Type: ${expected}, actual checksum Type: ${actual}`;
      throw new RefusedError(400, "InvalidRequest", message);
    }
    if (wanted === undefined && wantedCrc32 === undefined && this.rules.checksumRequired) {
      const message =
        "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Part requests with Object Lock parameters";
      throw new RefusedError(400, "InvalidRequest", message);
    }
    const isDamaged = (this.rules.damagedParts ?? 0) > 0;
    if (isDamaged) this.rules.damagedParts = (this.rules.damagedParts ?? 0) - 1;
    const file = join(this.#folder, randomUUID());
    const hash = createHash("md5");
    let [bytes, sum] = [0, 0];
    await pipeline(
      req,
      async function* (source) {
        for await (const chunk of source) {
          if (isDamaged && bytes === 0) chunk[0] ^= 1;
          hash.update(chunk);
          sum = crc32(chunk, sum);
          bytes += chunk.length;
          yield chunk;
        }
      },
      createWriteStream(file),
    );
    if (bytes !== Number(announced)) throw new RefusedError(400, "IncompleteBody", "The body is incomplete.");
    const md5 = hash.digest();
    if (wanted !== undefined && wanted !== md5.toString("base64") && !isDamaged) {
      throw new RefusedError(
        400,
        "BadDigest",
        "The Content-MD5 you specified did not match what we received.",
      );
    }
    const stored = base64Crc32(sum);
    if (upload.hasCrc32 && wantedCrc32 !== stored && !isDamaged) {
      throw new RefusedError(
        400,
        "BadDigest",
        "The CRC32 you specified did not match the calculated checksum.",
      );
    }
    const etag = `"${md5.toString("hex").toUpperCase()}"`;
    upload.parts.set(number, { file, etag, bytes, ...(upload.hasCrc32 ? { crc32: stored } : {}) });
    const confirms = upload.hasCrc32 && this.rules.crc32 !== "unconfirmed";
    res.writeHead(200, { etag, ...(confirms ? { "x-amz-checksum-crc32": stored } : {}) }).end();
  }

  async #complete(
    req: IncomingMessage,
    res: ServerResponse,
    uploadId: string,
    upload: StoredUpload,
  ): Promise<void> {
    const manifest = Buffer.concat(await req.toArray()).toString();
    const listed = [
      ...manifest.matchAll(
        /<PartNumber>(\d+)<\/PartNumber>\s*<ETag>([^<]*)<\/ETag>(?:<ChecksumCRC32>([^<]*)<\/ChecksumCRC32>)?/g,
      ),
    ];
    if (listed.length === 0)
      throw new RefusedError(400, "MalformedXML", "The XML you provided was not well-formed.");
    let former = 0;
    const parts = listed.map(([, number, etag, listedCrc32], index) => {
      const part = upload.parts.get(Number(number));
      if (!part || part.etag !== (etag ?? "").replaceAll("&quot;", '"')) {
        throw new RefusedError(400, "InvalidPart", "One or more of the specified parts could not be found.");
      }
      if (upload.hasCrc32 && listedCrc32 === undefined) {
        const message = `The upload was created using a crc32 checksum. The complete request must include the checksum for each part. It was missing for part ${number} in the request.`;
        throw new RefusedError(400, "InvalidRequest", message);
      }
      if (listedCrc32 !== part.crc32)
        throw new RefusedError(400, "InvalidPart", "One or more of the specified parts could not be found.");
      if (Number(number) <= former)
        throw new RefusedError(400, "InvalidPartOrder", "The parts are not in order.");
      former = Number(number);
      if (index < listed.length - 1 && part.bytes < this.#options.minPartBytes) {
        throw new RefusedError(
          400,
          "EntityTooSmall",
          "Your proposed upload is smaller than the minimum size.",
        );
      }
      return part;
    });
    const headers = { ...upload.headers, ...this.#newUpload(req, upload.key).headers };
    headers["content-type"] = upload.headers["content-type"] ?? "";
    const object = this.#objectOf({ ...upload, headers }, parts);
    this.#objects.set(upload.key, object);
    this.#uploads.delete(uploadId);
    sendXml(
      res,
      `<CompleteMultipartUploadResult><Key>${escapeXml(upload.key)}</Key><ETag>${escapeXml(object.etag)}</ETag>${this.#checksumOf(upload, parts)}</CompleteMultipartUploadResult>`,
    );
  }

  #checksumOf({ hasCrc32 }: StoredUpload, parts: readonly Part[]): string {
    // an object that lost a byte has another checksum
    if (!hasCrc32 || this.rules.cutsObjects) return "";
    const sums = parts.map((part) => Buffer.from(part.crc32 ?? "", "base64"));
    const composite = base64Crc32(crc32(Buffer.concat(sums)));
    return `<ChecksumCRC32>${composite}-${parts.length}</ChecksumCRC32><ChecksumType>COMPOSITE</ChecksumType>`;
  }

  async #read(req: IncomingMessage, res: ServerResponse, key: string, query: URLSearchParams): Promise<void> {
    // links are the operator's own way of reading
    if ((this.rules.readsRefused ?? "none") !== "none" && req.method === "HEAD") throw accessDenied();
    const object = this.#objects.get(key);
    if (!object) throw new RefusedError(404, "NoSuchKey", "The specified key does not exist.");
    const disposition = query.get("response-content-disposition");
    res.writeHead(200, {
      ...object.headers,
      ...{ etag: object.etag, "content-length": String(object.bytes) },
      ...(this.#options.copies === "whole" ? { "x-goog-generation": String(object.generation) } : {}),
      ...(disposition === null ? {} : { "content-disposition": disposition }),
    });
    if (req.method === "HEAD") res.end();
    else if (this.rules.cutsObjects) res.destroy();
    else await pipeline(contentOf(object.files), res);
  }

  #listObjects(res: ServerResponse, query: URLSearchParams): void {
    const most = Number(query.get("max-keys") ?? 1000);
    const found = [...this.#objects.keys()].filter((key) => key.startsWith(query.get("prefix") ?? "")).sort();
    const entries = found
      .slice(0, most)
      .map((key) => `<Contents><Key>${escapeXml(key)}</Key><Size>1</Size></Contents>`);
    const truncated = `<IsTruncated>${found.length > most}</IsTruncated>`;
    sendXml(res, `<ListBucketResult>${truncated}${entries.join("")}</ListBucketResult>`);
  }

  /** One entry per page, so that every client must follow the pages. */
  #listUploads(res: ServerResponse, query: URLSearchParams): void {
    const prefix = query.get("prefix") ?? "";
    const after: [string, string] = [query.get("key-marker") ?? "", query.get("upload-id-marker") ?? ""];
    const found = [...this.#uploads]
      .map(([id, { key, initiated }]) => ({ id, key, initiated }))
      .filter(({ key }) => key.startsWith(prefix))
      .sort((a, b) => compare([a.key, a.id], [b.key, b.id]))
      .filter(({ key, id }) => compare([key, id], after) > 0);
    const [first, ...others] = found;
    const entry = first
      ? `<Upload><Key>${escapeXml(first.key)}</Key><UploadId>${first.id}</UploadId><Initiated>${first.initiated}</Initiated></Upload><NextKeyMarker>${escapeXml(first.key)}</NextKeyMarker><NextUploadIdMarker>${first.id}</NextUploadIdMarker>`
      : "";
    sendXml(
      res,
      `<ListMultipartUploadsResult><Bucket>${this.#options.bucket}</Bucket><IsTruncated>${others.length > 0}</IsTruncated>${entry}</ListMultipartUploadsResult>`,
    );
  }
}

/** As S3 writes it: 4 bytes, most significant first. */
function base64Crc32(sum: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(sum);
  return bytes.toString("base64");
}

const preconditionFailed = (): RefusedError =>
  new RefusedError(
    412,
    "PreconditionFailed",
    "At least one of the pre-conditions you specified did not hold.",
  );

const accessDenied = (): RefusedError => new RefusedError(403, "AccessDenied", "Access Denied");

/** Answers with an error, as the services do; a response that had begun, to a client that died, is cut off. */
export function sendRefusal(req: IncomingMessage, res: ServerResponse, error: unknown): void {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const refusal =
    error instanceof RefusedError ? error : new RefusedError(500, "InternalError", String(error));
  req.resume();
  res.writeHead(refusal.status, { "content-type": "application/xml" });
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${refusal.code}</Code><Message>${escapeXml(refusal.message)}</Message>${refusal.details}</Error>`;
  res.end(req.method === "HEAD" ? undefined : body);
}

function sendXml(res: ServerResponse, xml: string): void {
  res.writeHead(200, { "content-type": "application/xml" });
  res.end(`<?xml version="1.0" encoding="UTF-8"?>${xml}`);
}

async function* contentOf(files: readonly string[]): AsyncGenerator<Buffer> {
  for (const file of files) yield* createReadStream(file);
}

const compare = (a: readonly string[], b: readonly string[]): number => {
  const index = a.findIndex((text, position) => text !== b[position]);
  if (index === -1) return 0;
  return (a[index] ?? "") < (b[index] ?? "") ? -1 : 1;
};
