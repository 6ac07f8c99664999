/** An episode as its publisher knows it. */
export interface PodcastEpisode {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  /** ISO 8601 date. */
  readonly date: string;
  /** Seconds. */
  readonly duration: number;
  /** The path of its file in the feed. */
  readonly path: string;
  /** Removed from Spotify, which then reports null in its place. */
  readonly removed: boolean;
  /** Published only on Spotify: the feed does not have it. */
  readonly exclusive: boolean;
}

export interface PodcastShow {
  /** As Spotify makes them: 22 characters of base62. */
  readonly id: string;
  readonly name: string;
  readonly publisher: string;
  /** The newest first. */
  readonly episodes: readonly PodcastEpisode[];
}

const DAY_MS = 24 * 60 * 60_000;
const NEWEST = Date.UTC(2026, 10, 20);

const idOf = (kind: string, show: number, episode = 0): string => `${kind}${show}x${episode}`.padEnd(22, "z");

/**
 * A made-up show of `count` episodes, one a day. The third one and every hundredth after it was removed from Spotify,
 * the fourth and every hundredth after it is not in the feed; shows of fewer than four have neither.
 */
export function podcastShow(count: number): PodcastShow {
  const hasOdd = count > 3;
  return {
    id: idOf("show", count),
    name: `The ${count} & Co. Podcast`,
    publisher: "Little Studio",
    episodes: Array.from({ length: count }, (_, index) => ({
      id: idOf("ep", count, index + 1),
      title: `Story ${count - index}: what ${SUBJECTS[index % SUBJECTS.length]} tells us`,
      description: `In which we talk about number ${count - index}.`,
      date: new Date(NEWEST - index * DAY_MS).toISOString().slice(0, 10),
      duration: 1200 + ((index * 37) % 900),
      path: `/media/${count}/${count - index}.mp3`,
      removed: hasOdd && index % 100 === 2,
      exclusive: hasOdd && index % 100 === 3,
    })),
  };
}

const SUBJECTS = ["the sea", "an old map", "rain", "a lighthouse", "the last train", "bread", "silence"];
