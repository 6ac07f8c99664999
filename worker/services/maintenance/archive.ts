import { shownUrl } from "../../../schema/shown-url.ts";
import type { RequestContext } from "../../context.ts";
import { archiveFolder } from "../storage/archive-folder.ts";

/** The archive of removed rows: lines of JSON in the operator's bucket, written only if `ARCHIVE_JOBS` is on. */

/** Sealed texts and the columns that belong to them. An archive must not contain secrets. */
const SECRET = /^(sealed_|sealing_key_id$|links)/;

interface ArchivedRow {
  readonly id: string;
}

/** Rows of one kind and account, the oldest first. */
export interface ArchivePage {
  readonly accountId: string;
  readonly kind: "jobs" | "batches" | "audit";
  readonly rows: readonly ArchivedRow[];
  /** When the first of them ended, in epoch milliseconds. */
  readonly from: number;
}

/**
 * Writes rows into one object, unless `ARCHIVE_JOBS` is off. The key is derived from the first row, so a repeated call
 * before the rows are removed replaces the same object.
 *
 * @throws Error when the bucket refuses or does not answer; the rows must not be removed then
 */
export async function archive(
  context: RequestContext,
  { accountId, kind, rows, from }: ArchivePage,
): Promise<void> {
  const [first] = rows;
  if (!context.config.archiveJobs || !first) return;
  const day = new Date(from).toISOString().slice(0, 10);
  const text = rows.map((row) => `${JSON.stringify(withoutSecrets(row))}\n`).join("");
  await context.bucket.putObject(
    `${archiveFolder(accountId)}${kind}/${day}/${first.id}.ndjson`,
    text,
    "application/x-ndjson",
  );
}

/** Rows of former versions hold complete URLs. The archive contains them as callers see them. */
function withoutSecrets(row: object): object {
  const shown = Object.entries(row)
    .filter(([name]) => !SECRET.test(name))
    .map(([name, value]) => [name, isAddress(name) && typeof value === "string" ? shownUrl(value) : value]);
  const { webhook_url: _, request, ...others } = Object.fromEntries(shown) as Record<string, unknown>;
  return { ...others, ...(isObject(request) ? { request: withoutSecrets(request) } : {}) };
}

const isAddress = (name: string): boolean => name === "url" || name.endsWith("_url");

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;
