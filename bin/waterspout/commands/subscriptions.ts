import { jobOptions } from "../../../schema/api/job-request.ts";
import {
  ENTRY_STATUSES,
  type Subscription,
  type SubscriptionEntry,
  type SubscriptionSummary,
} from "../../../schema/api/subscriptions/subscription.ts";
import type { Args, Options } from "../arguments/args.ts";
import { membersOf, optionsOf } from "../arguments/schema-options.ts";
import { readChoice, readNumber } from "../arguments/values.ts";
import type { Command, Context } from "../command.ts";
import { EXIT } from "../failures/exit-codes.ts";
import { printList } from "../terminal/print-list.ts";
import { counted, moment } from "../terminal/text.ts";

const { batch: _batch, paused: _paused, filename: _filename, folder: _folder, ...options } = jobOptions;

const DEFAULT_LIMIT = 20;
const EXAMPLE_ID = "01932c81-5555-7c3e-9d41-0b6a2f8e5c17";

const SUBSCRIBE_OPTIONS: Options = {
  name: { value: "TEXT", help: "Shown in lists, and the title of the podcast feed" },
  backfill: {
    value: "none|all|N|DATE",
    help: "Which of the present entries are delivered: the newest N, or those since a date; default: none",
  },
  every: { value: "SECONDS", help: "How often the source is read, 300 or more; default: 3600" },
  cron: { value: "TEXT", help: 'When the source is read, such as "0 6 * * *"' },
  "time-zone": { value: "NAME", help: "Time zone of --cron, such as Europe/Berlin; default: UTC" },
  words: { value: "A,B", help: "Only entries whose title contains one of these" },
  without: { value: "A,B", help: "No entries whose title contains one of these" },
  pattern: { value: "RE2", help: "Only entries whose title matches this pattern" },
  "min-length": { value: "SECONDS", help: "No shorter entries" },
  "max-length": { value: "SECONDS", help: "No longer entries" },
  live: { value: "include|exclude|only", help: "Live streams and their recordings" },
  shorts: { value: "include|exclude|only", help: "Vertical short videos" },
  "keep-last": { value: "N", help: "Delete older files of this subscription" },
  "keep-days": { value: "N", help: "Delete files of this subscription after N days" },
  filename: { value: "TEMPLATE", help: "Name of the files: {title}, {date}, {episode}, {id}, {channel}" },
  folder: { value: "TEMPLATE", help: "Folder of the files, with the same placeholders" },
  paused: { help: "Create it paused" },
  plan: { help: "Only show what would be delivered" },
  ...optionsOf(options),
};

export const subscribe: Command = {
  summary: "Follow a feed, a channel, a playlist or a show",
  details:
    "Each new entry becomes a job, once. The options of jobs are those of get. With --plan, nothing is created.",
  operands: ["<url>"],
  options: SUBSCRIBE_OPTIONS,
  examples: [
    "subscribe https://example.com/feed.xml --backfill 5 --format mp3 --folder podcasts/{channel}",
    'subscribe https://example.com/feed.xml --plan --pattern "^interview" --min-length 600',
    'subscribe https://example.com/feed.xml --cron "0 6 * * 1-5" --time-zone Europe/Berlin --keep-last 20',
  ],
  async run(args, { api, out, signal }) {
    const body = requestOf(args);
    if (args.flag("plan")) {
      const plan = await api.planSubscription({ body, signal });
      out.result(plan, () =>
        [
          `${plan.title ?? body.url}: ${counted(plan.total, "entry", "entries")}, ${plan.backfilled} delivered at once`,
          ...plan.entries.map(
            ({ title, url, filename, folder, delivered, reason }) =>
              `${delivered ? "+" : "-"} ${[folder, filename ?? title ?? url].filter(Boolean).join("/")}${reason === null ? "" : ` (${reason})`}`,
          ),
        ].join("\n"),
      );
      return EXIT.ok;
    }
    const created = await api.createSubscription({ body, signal });
    out.result(created, () => created.id);
    return EXIT.ok;
  },
};

function requestOf(args: Args) {
  const [url = ""] = args.operands;
  const list = (name: string) =>
    args
      .text(name)
      ?.split(",")
      .map((word) => word.trim());
  const filters = given({
    title_words: list("words"),
    title_without: list("without"),
    title_pattern: args.text("pattern"),
    min_duration: readNumber(args, "min-length"),
    max_duration: readNumber(args, "max-length"),
    live: args.text("live") as "include" | undefined,
    shorts: args.text("shorts") as "include" | undefined,
  });
  const retention = given({
    keep_last: readNumber(args, "keep-last"),
    keep_days: readNumber(args, "keep-days"),
  });
  const cron = args.text("cron");
  const every = readNumber(args, "every");
  const schedule =
    cron !== undefined
      ? { cron, ...given({ time_zone: args.text("time-zone") }) }
      : every === undefined
        ? undefined
        : { interval_seconds: every };
  return {
    url,
    ...given({
      name: args.text("name"),
      filename: args.text("filename"),
      folder: args.text("folder"),
      backfill: backfillOf(args.text("backfill")),
      schedule,
      paused: args.flag("paused") || undefined,
    }),
    ...(Object.keys(filters).length > 0 ? { filters } : {}),
    ...(Object.keys(retention).length > 0 ? { retention } : {}),
    job: membersOf(options, args),
  };
}

function backfillOf(text: string | undefined) {
  if (text === undefined) return undefined;
  if (text === "none" || text === "all") return { type: text } as const;
  if (/^\d{1,5}$/.test(text)) return { type: "last", count: Number(text) } as const;
  return { type: "since", date: text } as const;
}

const given = <T extends object>(members: T) =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };

export const subscriptions: Command = {
  summary: "List subscriptions, newest first",
  options: { limit: { value: "N", help: `Subscriptions at most; default: ${DEFAULT_LIMIT}` } },
  examples: ["subscriptions", "subscriptions --json"],
  async run(args, { api, out, signal }) {
    const limit = readNumber(args, "limit") ?? DEFAULT_LIMIT;
    const head = ["id", "status", "title", "state", "url"];
    await printList(api.each("listSubscriptions", { signal }), limit, out, head, rowOf);
    return EXIT.ok;
  },
};

const rowOf = ({ id, status, name, title, failing_since, url }: SubscriptionSummary): string[] => [
  id,
  status,
  name ?? title ?? "",
  failing_since === null ? "ok" : `failing since ${moment(failing_since)}`,
  url,
];

export const subscriptionsShow: Command = {
  summary: "Show a subscription, with the address of its podcast feed",
  operands: ["<subscription id>"],
  examples: [`subscriptions show ${EXAMPLE_ID}`],
  async run({ operands: [id = ""] }, { api, out, signal }) {
    const found = await api.getSubscription({ params: { id }, signal });
    out.result(found, () => textOf(found));
    return EXIT.ok;
  },
};

const textOf = (found: Subscription): string =>
  [
    `${found.name ?? found.title ?? found.url} (${found.status})`,
    `source       ${found.url}`,
    `last read    ${moment(found.polled_at)}`,
    `next reading ${moment(found.next_poll_at)}`,
    `pushed       ${found.push ? "yes" : "no"}`,
    `entries      ${
      ENTRY_STATUSES.filter((status) => found.entries[status] > 0)
        .map((status) => `${found.entries[status]} ${status}`)
        .join(", ") || "none"
    }`,
    `feed         ${found.feed_url}`,
    ...(found.last_error === null ? [] : [`problem      ${found.last_error}`]),
  ].join("\n");

export const subscriptionsEntries: Command = {
  summary: "List what is known of a source's entries",
  operands: ["<subscription id>"],
  options: {
    status: { value: ENTRY_STATUSES.join("|"), help: "Only entries with this status" },
    limit: { value: "N", help: `Entries at most; default: ${DEFAULT_LIMIT}` },
  },
  examples: [`subscriptions entries ${EXAMPLE_ID} --status failed`],
  async run(args, { api, out, signal }) {
    const [id = ""] = args.operands;
    const limit = readNumber(args, "limit") ?? DEFAULT_LIMIT;
    const query = { status: readChoice(args, "status", ENTRY_STATUSES) };
    const head = ["published", "status", "job", "title", "reason"];
    const entries = api.each("listSubscriptionEntries", { params: { id }, query, signal });
    await printList(entries, limit, out, head, (entry: SubscriptionEntry) => [
      moment(entry.published_at),
      entry.status,
      entry.job_id ?? "",
      entry.title ?? entry.url,
      entry.reason ?? "",
    ]);
    return EXIT.ok;
  },
};

export const subscriptionsRun: Command = {
  summary: "Read a subscription's source now",
  operands: ["<subscription id>"],
  examples: [`subscriptions run ${EXAMPLE_ID}`],
  async run({ operands: [id = ""] }, { api, out, signal }) {
    const found = await api.runSubscription({ params: { id }, signal });
    out.result(found, () => found.error ?? counted(found.new_entries, "new entry", "new entries"));
    return found.error === null ? EXIT.ok : EXIT.refused;
  },
};

/** A command that calls one route and prints one line. */
const action = (
  summary: string,
  name: string,
  act: (context: Context, id: string) => Promise<{ readonly response: unknown; readonly text: string }>,
): Command => ({
  summary,
  operands: ["<subscription id>"],
  examples: [`subscriptions ${name} ${EXAMPLE_ID}`],
  async run({ operands: [id = ""] }, context) {
    const { response, text } = await act(context, id);
    context.out.result(response, () => text);
    return EXIT.ok;
  },
});

export const subscriptionsPause = action("Pause a subscription", "pause", async ({ api, signal }, id) => {
  const response = await api.pauseSubscription({ params: { id }, signal });
  return { response, text: response.status };
});

export const subscriptionsResume = action("Resume a subscription", "resume", async ({ api, signal }, id) => {
  const response = await api.resumeSubscription({ params: { id }, signal });
  return { response, text: response.status };
});

export const subscriptionsReset = action(
  "Remove what is known of the entries; the backfill applies again",
  "reset",
  async ({ api, signal }, id) => {
    const response = await api.resetSubscription({ params: { id }, signal });
    return { response, text: `${counted(response.removed, "entry", "entries")} removed` };
  },
);

export const subscriptionsRemove = action(
  "Delete a subscription; its jobs and files stay",
  "remove",
  async ({ api, signal }, id) => {
    const response = await api.removeSubscription({ params: { id }, signal });
    return { response, text: response.message };
  },
);
