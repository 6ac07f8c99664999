import type { StorageTarget } from "../wire/run.ts";
import { encodeSegment } from "./object-path.ts";

type Provider = StorageTarget["provider"];
type Options = NonNullable<StorageTarget["options"]>;

/** Options of stored objects, by their names in the API. */
export type ObjectOption = keyof Options;

/** The header that carries an option; a provider without one does not have the option. */
const HEADERS: Readonly<Record<Provider, Readonly<Partial<Record<ObjectOption, string>>>>> = {
  s3: {
    server_side_encryption: "x-amz-server-side-encryption",
    kms_key_id: "x-amz-server-side-encryption-aws-kms-key-id",
    storage_class: "x-amz-storage-class",
    acl: "x-amz-acl",
    tags: "x-amz-tagging",
  },
  blob: {
    encryption_scope: "x-ms-encryption-scope",
    storage_class: "x-ms-access-tier",
    tags: "x-ms-tags",
  },
  gcs: {
    kms_key_id: "x-goog-encryption-kms-key-name",
    storage_class: "x-goog-storage-class",
    acl: "x-goog-acl",
  },
  oss: {
    server_side_encryption: "x-oss-server-side-encryption",
    kms_key_id: "x-oss-server-side-encryption-key-id",
    storage_class: "x-oss-storage-class",
    acl: "x-oss-object-acl",
    tags: "x-oss-tagging",
  },
  gdrive: {},
};

/** Requests that create an object: in one request, or by starting and completing a multipart upload. */
export type MakingRequest = "put" | "begin" | "complete";

/** The request of a multipart upload that sets the object's options. */
const requestOf = (provider: Provider, option: ObjectOption): MakingRequest =>
  provider === "oss" && option === "acl" ? "complete" : "begin";

/** The requested options, and the header of each. */
export function givenOptions({
  provider,
  options = {},
}: Pick<StorageTarget, "provider" | "options">): { option: ObjectOption; header: string; value: string }[] {
  const names = Object.keys(HEADERS[provider]) as ObjectOption[];
  return names.flatMap((option) => {
    const value = options[option];
    const header = HEADERS[provider][option];
    if (value === undefined || header === undefined) return [];
    return [{ option, header, value: typeof value === "string" ? value : tagging(value) }];
  });
}

/** The options that a provider has. @example optionsOf("gcs") // ["kms_key_id", "storage_class", "acl"] */
export const optionsOf = (provider: Provider): ObjectOption[] =>
  Object.keys(HEADERS[provider]) as ObjectOption[];

/**
 * The headers with which a request sets the requested options.
 *
 * @param without options that this object must not have
 * @example optionHeaders({ provider: "s3", options: { storage_class: "STANDARD_IA" } }, "put")
 *   // { "x-amz-storage-class": "STANDARD_IA" }
 */
export function optionHeaders(
  target: Pick<StorageTarget, "provider" | "options">,
  request: MakingRequest,
  without: readonly ObjectOption[] = [],
): Record<string, string> {
  const asked = givenOptions(target).filter(
    ({ option }) =>
      !without.includes(option) && (request === "put" || requestOf(target.provider, option) === request),
  );
  return Object.fromEntries(asked.map(({ header, value }) => [header, value]));
}

/** @example tagging({ team: "a b" }) // "team=a%20b" */
const tagging = (tags: Readonly<Record<string, string>>): string =>
  Object.entries(tags)
    .map(([name, value]) => `${encodeSegment(name)}=${encodeSegment(value)}`)
    .join("&");

/** Storage classes whose objects must be restored before they can be read. */
const ARCHIVES: ReadonlySet<string> = new Set([
  "GLACIER",
  "DEEP_ARCHIVE",
  "Archive",
  "ColdArchive",
  "DeepColdArchive",
]);

/**
 * True if objects of this class must be restored before they can be read. Google's archive class is readable at once.
 */
export const isArchive = (storageClass: string | undefined): boolean =>
  storageClass !== undefined && ARCHIVES.has(storageClass);
