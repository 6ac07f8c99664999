import type { IncomingMessage } from "node:http";
import { RefusedError, type StoreRequest } from "./multipart-store.ts";

/** The permissions of an identity, which a double enforces and records. */
export interface Permissions {
  /** What a policy allows; everything, unless it is set. */
  allowed: ReadonlySet<string> | null;
  /** What requests needed so far. */
  readonly asked: Set<string>;
}

type Service = "s3" | "gcs" | "oss";

/**
 * Refuses a request as the service does, with the message in which it names the permission that is missing.
 *
 * @param exists whether there is an object with the request's key
 */
export function requirePermissions(
  { allowed, asked }: Permissions,
  service: Service,
  req: IncomingMessage,
  request: StoreRequest,
  exists: boolean,
): void {
  const needed = NEEDED[service]({ ...request, req, method: req.method ?? "", exists });
  for (const permission of needed) asked.add(permission);
  const missing = allowed && needed.find((permission) => !allowed.has(permission));
  if (missing) throw REFUSALS[service](missing);
}

interface Call extends StoreRequest {
  readonly req: IncomingMessage;
  readonly method: string;
  readonly exists: boolean;
}

/** What the documentation of each service assigns to its requests. */
const NEEDED: Readonly<Record<Service, (call: Call) => string[]>> = {
  /** https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html */
  s3({ method, key, query, req }) {
    if (key === "") return [query.has("uploads") ? "s3:ListBucketMultipartUploads" : "s3:ListBucket"];
    if (query.has("uploadId") && method === "GET") return ["s3:ListMultipartUploadParts"];
    if (query.has("uploadId") && method === "DELETE") return ["s3:AbortMultipartUpload"];
    if (method === "DELETE") return ["s3:DeleteObject"];
    if (method === "GET" || method === "HEAD") return ["s3:GetObject"];
    return [
      "s3:PutObject",
      ...optional(req, "x-amz-tagging", "s3:PutObjectTagging"),
      ...optional(req, "x-amz-acl", "s3:PutObjectAcl"),
    ];
  },
  /** https://cloud.google.com/storage/docs/access-control/iam-xml; replacing an object also needs the right to delete. */
  gcs({ method, key, query, exists }) {
    if (key === "") return [query.has("uploads") ? "storage.multipartUploads.list" : "storage.objects.list"];
    if (query.has("uploadId") && method === "GET") return ["storage.multipartUploads.listParts"];
    if (query.has("uploadId") && method === "DELETE") return ["storage.multipartUploads.abort"];
    if (method === "DELETE") return ["storage.objects.delete"];
    if (method === "GET" || method === "HEAD") return ["storage.objects.get"];
    const isUpload = query.has("uploads") || query.has("uploadId");
    const replaces = exists && !query.has("uploads") && !query.has("partNumber");
    return [
      ...(isUpload ? ["storage.multipartUploads.create"] : []),
      "storage.objects.create",
      ...(replaces ? ["storage.objects.delete"] : []),
    ];
  },
  /** The section "Permissions" of each operation in the API reference, such as InitiateMultipartUpload. */
  oss({ method, key, query, req }) {
    if (key === "") return [query.has("uploads") ? "oss:ListMultipartUploads" : "oss:ListObjects"];
    if (query.has("uploadId") && method === "GET") return ["oss:ListParts"];
    if (query.has("uploadId") && method === "DELETE") return ["oss:AbortMultipartUpload"];
    if (method === "DELETE") return ["oss:DeleteObject"];
    if (method === "GET" || method === "HEAD") return ["oss:GetObject"];
    return ["oss:PutObject", ...optional(req, "x-oss-tagging", "oss:PutObjectTagging")];
  },
};

const optional = (req: IncomingMessage, header: string, permission: string): string[] =>
  req.headers[header] === undefined ? [] : [permission];

const REFUSALS: Readonly<Record<Service, (permission: string) => RefusedError>> = {
  s3: (permission) =>
    new RefusedError(
      403,
      "AccessDenied",
      `User: arn:aws:iam::123456789012:user/media is not authorized to perform: ${permission} on resource: "arn:aws:s3:::media/file" because no identity-based policy allows the ${permission} action`,
    ),
  gcs: (permission) =>
    new RefusedError(
      403,
      "AccessDenied",
      "Access denied.",
      `<Details>robot@waterspout-test.iam.gserviceaccount.com does not have ${permission} access to the Google Cloud Storage object. Permission '${permission}' denied on resource (or it may not exist).</Details>`,
    ),
  oss: (permission) =>
    new RefusedError(
      403,
      "AccessDenied",
      "You have no right to access this object because of bucket acl.",
      `<AccessDeniedDetail><PolicyType>AccountLevelIdentityBasedPolicy</PolicyType><AuthPrincipalType>SubUser</AuthPrincipalType><NoPermissionType>ImplicitDeny</NoPermissionType><AuthAction>${permission}</AuthAction></AccessDeniedDetail><EC>0003-00000001</EC>`,
    ),
};
