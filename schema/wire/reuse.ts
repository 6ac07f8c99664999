import { z } from "zod";
import { Id } from "../ids.ts";
import { Version } from "./version.ts";

/** What lets a run copy a file that an earlier job of the same account delivered, instead of fetching it again. */

/** How the response for a direct link identified its bytes; a member that it did not have is null. */
export const SourceVersion = z.object({
  /** A strong one. */
  etag: z.string().max(1024).nullable(),
  last_modified: z.string().max(100).nullable(),
  size: z.int().min(0).nullable(),
});
export type SourceVersion = z.infer<typeof SourceVersion>;

/** What a run learned about its source. */
export const SourceFacts = z.object({
  /** The site's own name of the media, the same for all of its addresses; null if it has none. @example "Vimeo 76979871" */
  media: z.string().max(1024).nullable(),
  /** Name of the file if the caller chooses none, without extension. */
  name: z.string().max(1024),
  /** Null for media that had to be found on a page. */
  version: SourceVersion.nullable(),
});
export type SourceFacts = z.infer<typeof SourceFacts>;

/** `POST /internal/runs/{id}/known`: did an earlier job of the account deliver this media by the same plan? */
export const KnownRequest = z.object({
  v: Version,
  attempt: z.int().min(1),
  /** As in {@link SourceFacts}. */
  media: z.string().max(1024).nullable().default(null),
  /** Of the source's bytes, as the source itself states it. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable()
    .default(null),
});
export type KnownRequest = z.infer<typeof KnownRequest>;

/** The answer to a run that may publish a copy: `source_lost` if the file that it copied no longer is the earlier job's. */
export const PublishResponse = z.object({ v: Version, status: z.enum(["ok", "source_lost"]) });

/** The earlier job whose file a run is about to publish as a copy. */
export const copyOf = Id.optional();
