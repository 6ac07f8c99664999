import { JOB_ID } from "./example-objects.ts";

/** What the documentation says about the operations of subscriptions, see `operation-texts.ts`. */

const ID = "01932c81-5555-7c3e-9d41-0b6a2f8e5c17";
const ENTRY_ID = "01932c81-6666-7c3e-9d41-0b6a2f8e5c17";
const FEED = "https://example.com/feed.xml";
const TOKEN = "pQ7Zk1vW3xT9yB2nL5sD8fGh";

const SUBSCRIPTION = {
  id: ID,
  name: "A show",
  status: "active",
  url: FEED,
  title: "A show",
  job: { format: "mp3" },
  storage: "default",
  backfill: { type: "last", count: 5 },
  filters: { min_duration: 600 },
  schedule: { interval_seconds: 1800 },
  retention: { keep_last: 50 },
  filename: "{date} {title}",
  folder: "podcasts/{channel}",
  failing_since: null,
  last_error: null,
  created_at: 1_795_392_000_000,
  updated_at: 1_795_392_000_000,
} as const;

const FOUND = {
  ...SUBSCRIPTION,
  polled_at: 1_795_392_000_420,
  next_poll_at: 1_795_393_810_000,
  push: false,
  entries: { seen: 120, queued: 1, delivered: 4 },
  feed_url: `https://waterspout.example.com/subscriptions/${ID}/feed.xml?token=${TOKEN}`,
} as const;

const REQUEST = {
  url: FEED,
  name: "A show",
  backfill: { type: "last", count: 5 },
  filters: { min_duration: 600 },
  schedule: { interval_seconds: 1800 },
  retention: { keep_last: 50 },
  filename: "{date} {title}",
  folder: "podcasts/{channel}",
  job: { format: "mp3" },
} as const;

export const SUBSCRIPTION_TEXTS = {
  createSubscription: {
    description:
      "Only `url` is required: a feed (RSS, Atom or JSON), a channel, a playlist, or a show. It is read at once, and then on schedule; all subscriptions of one source share its readings.\n\nEach new entry becomes a job with the options in `job`, once, even if it is retitled, dated anew or moved. What the source has already is left out, unless `backfill` asks for it. Send `x-idempotency-key` to make the request repeatable.",
    request: REQUEST,
    response: FOUND,
  },
  planSubscription: {
    description:
      "Takes the same body as `POST /subscriptions`, reads the source, and shows its newest entries with the names that they would get. If the source cannot be read, the response says why.",
    request: REQUEST,
    response: {
      title: "A show",
      entries: [
        {
          url: "https://example.com/episodes/125.mp3",
          title: "The latest one",
          published_at: 1_795_305_600_000,
          filename: "2026-11-23 The latest one",
          folder: "podcasts/A show",
          delivered: true,
          reason: null,
        },
      ],
      total: 125,
      backfilled: 5,
      push: false,
      adjustments: [],
    },
  },
  listSubscriptions: {
    description:
      "Pages by `next_cursor`. The address of a podcast feed is only in `GET /subscriptions/{id}`.",
    query: { status: "active" },
    response: { subscriptions: [SUBSCRIPTION], next_cursor: null },
  },
  getSubscription: {
    description: "With the times of the last and the next reading, and the number of entries by status.",
    response: FOUND,
  },
  changeSubscription: {
    description:
      "What is sent replaces what was there, as a whole: send all of `job` to change one option. `null` removes a name or a template. The source and the backfill cannot be changed.",
    request: { schedule: { interval_seconds: 600 } },
    response: { ...FOUND, schedule: { interval_seconds: 600 } },
  },
  removeSubscription: {
    description: "Its jobs go on, its files stay, and its podcast feed ends.",
    response: { subscription_id: ID, message: "Subscription deleted; its jobs and files stay" },
  },
  pauseSubscription: {
    description:
      "No new jobs are created. What the source publishes meanwhile is delivered after `resume`, as far as it still lists it.",
    response: { ...FOUND, status: "paused", next_poll_at: null },
  },
  resumeSubscription: {
    description: "The source is read as soon as its schedule says.",
    response: FOUND,
  },
  runSubscription: {
    description:
      "Waits for the reading. A source that was read within the last five seconds is not read again.",
    response: { subscription_id: ID, polled_at: 1_795_392_900_000, new_entries: 1, error: null },
  },
  resetSubscription: {
    description:
      "Entries that were delivered may be delivered again: those of the backfill, and those that were published since the subscription was created.",
    response: { subscription_id: ID, removed: 125 },
  },
  listSubscriptionEntries: {
    description:
      "Each entry with its status, and its job if it has one. `reason` says why an entry waits, was filtered out or failed.",
    query: { status: "queued" },
    response: {
      entries: [
        {
          id: ENTRY_ID,
          status: "queued",
          job_id: JOB_ID,
          url: "https://example.com/episodes/125.mp3",
          title: "The latest one",
          published_at: 1_795_305_600_000,
          duration: 2400,
          episode: 5,
          reason: null,
          check_at: null,
          delivered_at: null,
          created_at: 1_795_392_000_420,
        },
      ],
      next_cursor: null,
    },
  },
  subscriptionFeed: {
    description:
      "Its address is `feed_url` of the subscription. Everybody who has it may fetch the files, so treat it as a secret; `PATCH` with `rotate_feed_token` replaces it.",
    query: { token: TOKEN },
  },
  subscriptionFile: {
    description: "The enclosures of the podcast feed. The link is signed for each request.",
    query: { token: TOKEN },
  },
} as const;
