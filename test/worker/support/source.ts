import type { SourceIdentity } from "../../../schema/wire/source-identity.ts";

/** What a run reports about whose media it reads. */
export const identity = (change: Partial<SourceIdentity> = {}): SourceIdentity => ({
  ...{ urls: [], extractor: null, media: null, channels: [], channel_urls: [] },
  ...change,
});
