import { Readable } from "node:stream";
import type { BlobHTTPHeaders, BlobRequestConditions, BlockBlobClient, Pipeline } from "@azure/storage-blob";
import { parseRetryAfter } from "../../../schema/retry-after.ts";
import { addressOf, type BucketAddress } from "../../../schema/storage/address.ts";
import { queryString } from "../../../schema/storage/object-path.ts";
import { permissionFor } from "../../../schema/storage/permissions.ts";
import { AzureSignature } from "../../../schema/storage/signing/azure-signature.ts";
import type { RetryClock } from "../../retry.ts";
import { responseFailure, StorageFailedError } from "../failure.ts";
import type { NewObject, StoredObject } from "../object-store.ts";
import { objectUrl } from "../object-url.ts";
import { Retrier, type RetrierRunOptions } from "../retrier.ts";
import type { StoreOptions } from "../store-options.ts";
import { StorageTransport } from "../transport.ts";
import { digestInline } from "../uploads/content-digest.ts";
import type { ObjectSpan } from "../uploads/parts-copy.ts";
import { requireStored } from "../uploads/stored-checksum.ts";
import { azureHttpClient } from "./azure-http.ts";

/** Where to write, and with which credentials. */
export interface BlobOptions extends StoreOptions {
  /** The account's endpoint. @example "https://ACCOUNT.blob.core.windows.net" */
  readonly endpoint: string;
  readonly accountName: string;
  readonly container: string;
  /** The account's key in Base64, or a shared access signature without its leading `?`. */
  readonly credential: { readonly accountKey: string } | { readonly sasToken: string };
}

/** The condition under which a change is executed. */
export type BlobConditions = Pick<BlobRequestConditions, "ifMatch" | "ifNoneMatch">;

/** A blob that exists. */
export interface BlobFacts {
  readonly etag: string;
  readonly metadata: Record<string, string>;
  readonly bytes: number | undefined;
}

/** Refusals for credentials that may write but not read. */
const MAY_NOT_READ: ReadonlySet<string> = new Set([
  "AuthorizationFailure",
  "AuthorizationPermissionMismatch",
  "AuthorizationResourceTypeMismatch",
  "InsufficientAccountPermissions",
]);
/** How long a cancelled request may still get its response. */
const SETTLE_MS = 2_000;
/** Validity of the link by which the service reads the source of a block. */
const SOURCE_SECONDS = 3600;

type Sdk = typeof import("@azure/storage-blob");

/** Requests to one container through Azure's SDK, retried while it makes sense. */
export class BlobClient {
  readonly clock: RetryClock;
  readonly #options: BlobOptions;
  readonly #address: BucketAddress;
  /** Signs links; null for a token, which signs nothing. */
  readonly #signature: AzureSignature | null;
  readonly #retrier: Retrier;
  readonly #transport: StorageTransport;
  #loaded: Promise<{ sdk: Sdk; pipeline: Pipeline }> | null = null;

  constructor(options: BlobOptions) {
    const { credential, clock, attempts, accountName, endpoint, container } = options;
    const secret = "accountKey" in credential ? credential.accountKey : credential.sasToken;
    const signature = new URLSearchParams(secret).get("sig") ?? "";
    this.#options = options;
    this.#transport = new StorageTransport(options);
    this.#retrier = new Retrier({ clock, attempts, secrets: [secret, signature] });
    this.clock = this.#retrier.clock;
    this.#address = addressOf({ provider: "blob", endpoint, container });
    this.#signature =
      "accountKey" in credential
        ? new AzureSignature({ accountName, accountKey: credential.accountKey }, () => this.clock.now())
        : null;
  }

  /** Opens a connection ahead of the first request. */
  connect(): void {
    this.#transport.connect(new URL(this.#options.endpoint));
  }

  /**
   * The blob of a key; null when there is none, `hidden` when the token may not read.
   */
  async find(key: string, repeat?: RetrierRunOptions): Promise<BlobFacts | "hidden" | null> {
    const blob = await this.#blob(key);
    return await this.#run(repeat, async () => {
      try {
        const { etag = "", metadata = {}, contentLength: bytes } = await blob.getProperties(aborted(repeat));
        return { etag, metadata, bytes };
      } catch (error) {
        const name = nameOf(error);
        if (name === "BlobNotFound") return null;
        if (MAY_NOT_READ.has(name)) return "hidden";
        throw error;
      }
    });
  }

  /** Ids of the uncommitted blocks; none if they may not be read. */
  async uncommitted(key: string): Promise<string[]> {
    const ids = await this.waiting(key);
    return ids === "hidden" ? [] : ids;
  }

  /** Ids of the uncommitted blocks; `hidden` when the credentials may not read. */
  async waiting(key: string): Promise<string[] | "hidden"> {
    const blob = await this.#blob(key);
    return await this.#run({}, async () => {
      try {
        const { uncommittedBlocks = [] } = await blob.getBlockList("uncommitted");
        return uncommittedBlocks.map(({ name }) => name);
      } catch (error) {
        const name = nameOf(error);
        if (name === "BlobNotFound") return [];
        if (MAY_NOT_READ.has(name)) return "hidden";
        throw error;
      }
    });
  }

  /**
   * Stages a block. Azure executes whatever has reached it, so when the signal is aborted, a request in flight gets a
   * moment to be answered: only then is it known that its block exists, and can be dropped with the others.
   */
  async stage(
    key: string,
    id: string,
    body: readonly Uint8Array[],
    repeat: RetrierRunOptions,
  ): Promise<void> {
    const blob = await this.#blob(key);
    const length = body.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    const stream = () => Readable.from(body, { objectMode: false });
    const md5 = await this.#md5(body);
    const { signal: abortSignal, settled } = delayed(repeat.signal, SETTLE_MS);
    const options = { abortSignal, transactionalContentMD5: md5, ...this.#scope };
    try {
      await this.#run(repeat, async () => confirm(await blob.stageBlock(id, stream, length, options), md5));
    } finally {
      settled();
    }
  }

  /**
   * Stages a block whose content the service reads from another blob of the container. Unlike a copy of a whole blob,
   * which may go on after its response, this is done when it is answered, and shows nothing before the commit.
   */
  async stageFrom(
    key: string,
    id: string,
    { source, span }: { source: StoredObject; span: ObjectSpan },
    repeat: RetrierRunOptions,
  ): Promise<void> {
    const blob = await this.#blob(key);
    const link = await this.#readableLink(source.key);
    const { signal: abortSignal, settled } = delayed(repeat.signal, SETTLE_MS);
    try {
      await this.#run(repeat, async () => {
        await blob.stageBlockFromURL(id, link, span.start, span.end - span.start, {
          abortSignal,
          ...this.#scope,
        });
      });
    } finally {
      settled();
    }
  }

  /** Stores a small blob with one request; it is read again, so it gets the account's tier. */
  async put(object: NewObject, body: readonly Uint8Array[], repeat: RetrierRunOptions): Promise<void> {
    const blob = await this.#blob(object.key);
    const length = body.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    const stream = () => Readable.from(body, { objectMode: false });
    const md5 = await this.#md5(body);
    const { tags } = this.#options.options ?? {};
    const options = {
      ...{ blobHTTPHeaders: headersOf(object), transactionalContentMD5: md5 },
      ...{ ...aborted(repeat), ...this.#scope, ...(tags ? { tags } : {}) },
    };
    await this.#run(repeat, async () => confirm(await blob.upload(stream, length, options), md5));
  }

  /**
   * Commits the given blocks as the blob's content, discards all others that are uncommitted, and returns the new ETag.
   */
  async commit(
    object: NewObject,
    ids: string[],
    { conditions, metadata }: { conditions: BlobConditions; metadata: Record<string, string> },
    repeat: RetrierRunOptions = {},
  ): Promise<string> {
    const blob = await this.#blob(object.key);
    const { storage_class: tier, tags } = this.#options.options ?? {};
    const options = {
      ...{ blobHTTPHeaders: headersOf(object), metadata, conditions },
      ...{ ...this.#scope, ...(tier ? { tier } : {}), ...(tags ? { tags } : {}) },
    };
    return await this.#run(repeat, async () => (await blob.commitBlockList(ids, options)).etag ?? "");
  }

  /**
   * Writes the metadata again unchanged, which gives the blob another ETag; does nothing when it has a different one
   * already.
   */
  async touch(key: string, { etag, metadata }: BlobFacts): Promise<void> {
    const blob = await this.#blob(key);
    await this.#run({}, async () => {
      try {
        await blob.setMetadata(metadata, { conditions: { ifMatch: etag } });
      } catch (error) {
        if (statusOf(error) !== 412 && statusOf(error) !== 404) throw error;
      }
    });
  }

  /** Deletes the blob, snapshots included; does nothing when there is none, or none with this ETag. */
  async delete(key: string, etag?: string): Promise<void> {
    const blob = await this.#blob(key);
    await this.#run({}, async () => {
      try {
        await blob.delete({ deleteSnapshots: "include", ...(etag ? { conditions: { ifMatch: etag } } : {}) });
      } catch (error) {
        if (nameOf(error) !== "BlobNotFound" && statusOf(error) !== 412) throw error;
      }
    });
  }

  /** The service reads a block's source by its link alone: a signed one, or one with the token of these credentials. */
  async #readableLink(key: string): Promise<string> {
    const { credential } = this.#options;
    if ("sasToken" in credential) return `${objectUrl(this.#address, key)}?${credential.sasToken}`;
    return (await this.signedUrl(key, SOURCE_SECONDS)) ?? "";
  }

  /** Null when there is no account key to sign with. */
  async signedUrl(key: string, seconds: number, fileName?: string): Promise<string | null> {
    const url = objectUrl(this.#address, key);
    const token = await this.#signature?.readToken(this.#options.container, key, seconds, fileName);
    return token ? `${url}?${queryString(token)}` : null;
  }

  get #scope(): { encryptionScope?: string } {
    const encryptionScope = this.#options.options?.encryption_scope;
    return encryptionScope === undefined ? {} : { encryptionScope };
  }

  #md5(body: readonly Uint8Array[]): Promise<Buffer> {
    return (this.#options.digest ?? digestInline)(body, "md5");
  }

  async #blob(key: string): Promise<BlockBlobClient> {
    const { sdk, pipeline } = await this.#load();
    const { credential } = this.#options;
    const token = "sasToken" in credential ? `?${credential.sasToken}` : "";
    return new sdk.BlockBlobClient(`${objectUrl(this.#address, key)}${token}`, pipeline);
  }

  /** The SDK costs time and memory: the first run that needs it loads it. */
  #load() {
    this.#loaded ??= import("@azure/storage-blob").then((sdk) => {
      const { credential, accountName } = this.#options;
      const authority =
        "accountKey" in credential
          ? new sdk.StorageSharedKeyCredential(accountName, credential.accountKey)
          : new sdk.AnonymousCredential();
      const pipeline = sdk.newPipeline(authority, {
        httpClient: azureHttpClient(this.#transport),
        retryOptions: { maxTries: 1 },
      });
      return { sdk, pipeline };
    });
    return this.#loaded;
  }

  #run<T>(repeat: RetrierRunOptions = {}, once: (attempt: number) => Promise<T>): Promise<T> {
    return this.#retrier.run(async (attempt) => {
      try {
        return await once(attempt);
      } catch (error) {
        throw this.#understood(error);
      }
    }, repeat);
  }

  #understood(error: unknown): unknown {
    const status = statusOf(error);
    if (status === undefined) return error;
    const name = status === 403 && this.#isExpired() ? "ExpiredToken" : nameOf(error);
    const message = error instanceof Error ? (error.message.split("\n", 1)[0] ?? "") : "";
    const retryAfterMs = parseRetryAfter(headerOf(error, "retry-after"), this.clock.now());
    const permission =
      isAnswered(error) && error.request ? permissionFor("blob", blobCall(error.request)) : null;
    return new StorageFailedError(
      responseFailure({ status, code: name, message, permission }, { retryAfterMs }),
    );
  }

  /** Azure distinguishes an expired token from a wrong one only in texts that responses to HEAD do not have. */
  #isExpired(): boolean {
    const { credential } = this.#options;
    if (!("sasToken" in credential)) return false;
    return Date.parse(new URLSearchParams(credential.sasToken).get("se") ?? "") < this.clock.now();
  }
}

const headersOf = ({ contentDisposition, contentType }: NewObject): BlobHTTPHeaders => ({
  blobContentType: contentType,
  ...(contentDisposition === undefined ? {} : { blobContentDisposition: contentDisposition }),
});

/** A signal that is aborted `ms` after another one. Call `settled` when it is no longer needed. */
function delayed(signal: AbortSignal | undefined, ms: number): { signal: AbortSignal; settled: () => void } {
  const later = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = () => {
    timer = setTimeout(() => later.abort(signal?.reason), ms);
  };
  signal?.addEventListener("abort", onAbort, { once: true });
  return {
    signal: later.signal,
    settled() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    },
  };
}

/** Azure verifies the MD5 that was sent, and says which one it got. */
const confirm = ({ contentMD5 }: { contentMD5?: Uint8Array }, md5: Buffer): void =>
  requireStored(contentMD5 ? { "content-md5": Buffer.from(contentMD5).toString("base64") } : {}, { md5 });

const aborted = ({ signal }: RetrierRunOptions = {}) => (signal ? { abortSignal: signal } : {});

interface ResponseError {
  readonly statusCode: number;
  readonly request?: { readonly method: string };
  readonly code?: unknown;
  readonly response?: { readonly headers: { get(name: string): string | undefined } };
}

/** All requests of this client are about one blob. */
const blobCall = ({ method }: { readonly method: string }) => ({ method, key: "blob" });

/** An error of the SDK that a response caused. */
const isAnswered = (error: unknown): error is ResponseError =>
  error instanceof Error && "statusCode" in error && typeof error.statusCode === "number";

const statusOf = (error: unknown): number | undefined => (isAnswered(error) ? error.statusCode : undefined);

const headerOf = (error: unknown, name: string): string | undefined =>
  isAnswered(error) ? error.response?.headers.get(name) : undefined;

/** Azure's own code for what is wrong; responses to HEAD carry it only in a header. */
function nameOf(error: unknown): string {
  if (!isAnswered(error)) return "";
  return headerOf(error, "x-ms-error-code") ?? (typeof error.code === "string" ? error.code : "");
}
