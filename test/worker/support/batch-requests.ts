import type { z } from "zod";
import type { CreatedBulk, CreatedPlaylist } from "../../../schema/api/batch.ts";
import type { ListedEntry } from "../../../worker/services/sources/listing/listing.ts";
import { env } from "./env.ts";

export const GB = 1024 ** 3;

export const list = "https://lists.example.com/album";

export const hook = "https://hooks.example.com/in";

export const entry = (index: number, facts: Partial<ListedEntry> = {}): ListedEntry => ({
  url: `https://lists.example.com/watch/${index}`,
  mediaUrl: null,
  sourceId: `id${index}`,
  title: `Part ${index}`,
  description: null,
  releaseDate: null,
  skipped: null,
  ...facts,
});

/** What is known of an episode with an open enclosure. */
export const OPEN = {
  mediaUrl: "https://cdn.example.com/audio.mp3",
  description: "About it",
  releaseDate: "2026-11-01",
} as const;

export const SPOTIFY_ID = "4rOoJ6Egrf8K2IrywzwOMk";

export const entries = (count: number): ListedEntry[] =>
  Array.from({ length: count }, (_, index) => entry(index));

export type Bulk = z.output<typeof CreatedBulk>;

export type Playlist = z.output<typeof CreatedPlaylist>;

export const urls = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ url: `https://media.example.com/${index}.mp4` }));

export const count = async (table: string): Promise<number> => {
  const { results } = await env.DB.prepare(`select count(*) as n from ${table}`).all<{ n: number }>();
  return results[0]?.n ?? 0;
};

export const names = async (): Promise<unknown[]> => {
  const { results } = await env.DB.prepare("select filename from jobs order by batch_index").all<{
    filename: string;
  }>();
  return results.map(({ filename }) => filename);
};
