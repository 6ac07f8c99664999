import type { StorageTarget } from "../wire/run.ts";
import type { Query } from "./object-path.ts";

/** A request to a storage, as far as its permission depends on it. */
export interface StorageCall {
  readonly method: string;
  /** Empty for the bucket or container itself. */
  readonly key: string;
  readonly query?: Query;
}

type Right = "write" | "read" | "delete" | "abort" | "list_parts" | "list_objects" | "list_uploads";
type Provider = Exclude<StorageTarget["provider"], "gdrive">;

/**
 * Names of permissions as the consoles and policies of the providers write them.
 *
 * @see https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
 * @see https://cloud.google.com/storage/docs/access-control/iam-xml
 * @see https://www.alibabacloud.com/help/en/oss/user-guide/ram-policy
 * @see https://learn.microsoft.com/rest/api/storageservices/create-service-sas
 */
const NAMES: Readonly<Record<Provider, Readonly<Record<Right, string>>>> = {
  s3: {
    write: "s3:PutObject",
    read: "s3:GetObject",
    delete: "s3:DeleteObject",
    abort: "s3:AbortMultipartUpload",
    list_parts: "s3:ListMultipartUploadParts",
    list_objects: "s3:ListBucket",
    list_uploads: "s3:ListBucketMultipartUploads",
  },
  gcs: {
    write: "storage.objects.create",
    read: "storage.objects.get",
    delete: "storage.objects.delete",
    abort: "storage.multipartUploads.abort",
    list_parts: "storage.multipartUploads.listParts",
    list_objects: "storage.objects.list",
    list_uploads: "storage.multipartUploads.list",
  },
  oss: {
    write: "oss:PutObject",
    read: "oss:GetObject",
    delete: "oss:DeleteObject",
    abort: "oss:AbortMultipartUpload",
    list_parts: "oss:ListParts",
    list_objects: "oss:ListObjects",
    list_uploads: "oss:ListMultipartUploads",
  },
  // the letters of `sp` in a shared access signature; blobs have no calls for uploads of their own
  blob: {
    write: "write (w)",
    read: "read (r)",
    delete: "delete (d)",
    abort: "write (w)",
    list_parts: "read (r)",
    list_objects: "list (l)",
    list_uploads: "read (r)",
  },
};

/** What a response may name; nothing else of it is repeated. */
const NAMED =
  /\b(?:(?:s3|kms|oss):[A-Z][A-Za-z]{2,40}|storage\.(?:objects|multipartUploads|buckets)\.[A-Za-z]{2,40})\b/;

/**
 * The permission that a request needs; null if the provider has no names for them.
 *
 * @example permissionFor("oss", { method: "DELETE", key: "a.mp4" }) // "oss:DeleteObject"
 */
export function permissionFor(provider: StorageTarget["provider"], call: StorageCall): string | null {
  return provider === "gdrive" ? null : NAMES[provider][rightFor(call)];
}

/**
 * The permission that a refusal names: the provider knows best what it missed.
 *
 * @example namedPermission("User: … is not authorized to perform: s3:PutObject on resource: …") // "s3:PutObject"
 */
export const namedPermission = (text: string): string | null => NAMED.exec(text)?.[0] ?? null;

function rightFor({ method, key, query = {} }: StorageCall): Right {
  if (key === "") return "uploads" in query ? "list_uploads" : "list_objects";
  const isUpload = "uploadId" in query;
  if (method === "GET" || method === "HEAD") return isUpload ? "list_parts" : "read";
  if (method === "DELETE") return isUpload ? "abort" : "delete";
  return "write";
}
