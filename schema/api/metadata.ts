import "../messages.ts";
import { z } from "zod";
import { utf8 } from "../bytes.ts";
import { isWholeText } from "../text.ts";

/** Limits of a job's metadata: number of pairs, lengths in characters, and size as JSON in bytes. */
export const METADATA_LIMITS = { pairs: 16, key: 40, value: 500, bytes: 10_000 } as const;

const KEY = `must have keys of 1 to ${METADATA_LIMITS.key} characters without control characters`;

/**
 * The caller's own facts about a job, as pairs of strings. They are stored as they are, reported with the job and in its
 * webhook events, and are what `GET /jobs?metadata[key]=value` looks for.
 */
export const Metadata = z
  .record(
    z.string(),
    z
      .string("must be a string")
      .max(METADATA_LIMITS.value, `must be at most ${METADATA_LIMITS.value} characters`)
      .refine((text) => !text.includes("\0"), "must not contain a NUL character")
      .refine(...isWholeText),
    "must be a JSON object of strings",
  )
  .refine(
    (pairs) => Object.keys(pairs).length <= METADATA_LIMITS.pairs,
    `must have at most ${METADATA_LIMITS.pairs} pairs`,
  )
  .refine((pairs) => Object.keys(pairs).every(isKey), KEY)
  .refine(
    (pairs) => utf8(JSON.stringify(pairs)).byteLength <= METADATA_LIMITS.bytes,
    `must be at most ${METADATA_LIMITS.bytes} bytes as JSON`,
  )
  .describe(
    `Your own facts about the job: up to ${METADATA_LIMITS.pairs} pairs of strings, keys up to ${METADATA_LIMITS.key} and values up to ${METADATA_LIMITS.value} characters. Reported with the job and in its webhook events; GET /jobs?metadata[key]=value finds them`,
  )
  .meta({ example: { customer: "acme" } });
export type Metadata = z.output<typeof Metadata>;

const isKey = (key: string): boolean =>
  key !== "" && key.length <= METADATA_LIMITS.key && key.isWellFormed() && !/\p{Cc}/u.test(key);

/** The metadata of a stored request; null without. */
export const metadataOf = ({ metadata }: Readonly<Record<string, unknown>>): Metadata | null =>
  typeof metadata === "object" && metadata !== null ? (metadata as Metadata) : null;
