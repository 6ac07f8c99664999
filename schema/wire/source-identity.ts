import { z } from "zod";

/**
 * What a run or a probe found out about whose media it reads: the Worker compares it with what the operator denies. A
 * processor of the former version reports none.
 */
export const SourceIdentity = z.object({
  /** Of the page, after redirects, and of the media itself. They may contain secrets and are not stored. */
  urls: z.array(z.string().max(8192)).max(20),
  /** As yt-dlp names it. @example "youtube:tab" */
  extractor: z.string().max(200).nullable(),
  /** The site's own name of the media, as in `SourceFacts`; null if it has none. @example "Vimeo 76979871" */
  media: z.string().max(1024).nullable(),
  /** Ids and handles of who published it. @example ["UC_x5XG1OV2P6uZZ5FSM9Ttw", "@GoogleDevelopers"] */
  channels: z.array(z.string().max(300)).max(10),
  /** Addresses of who published it. */
  channel_urls: z.array(z.string().max(2048)).max(10),
});
export type SourceIdentity = z.infer<typeof SourceIdentity>;
