import { z } from "zod";
import { Country, DIRECT, MEDIA_EXITS, SESSION_MARK } from "../../../schema/exits.ts";
import { siteKeyOf } from "../../../schema/telemetry/site.ts";
import type { RunRequest } from "../../../schema/wire/run.ts";
import type { Backoffs, Exit, KnownPair, RequestContext } from "../../context.ts";
import { noteUse } from "../../db/exits/health-rows.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { EVERY_EXIT, isStored } from "./backoff-memory.ts";
import { type Candidate, type Choice, chooseExits, mayFetchDirectly, type Wish } from "./choose-exits.ts";
import { availableAt, stateOf, taken } from "./pair-health.ts";
import { siteAsWhole, siteAvailableAt } from "./site-breaker.ts";

/** What a job asks of its exit. */
const ExitWish = z.object({ geo: Country.nullish(), media_exit: z.enum(MEDIA_EXITS).nullish() });
type ExitWish = z.output<typeof ExitWish>;

/** Where a job may be run, and from which addresses its source is asked. */
export type Assignment =
  | {
      readonly type: "assigned";
      /** The exits of the run, the first one its own; empty where none are configured. */
      readonly exits: readonly Exit[];
      readonly fetchesDirectly: boolean;
      /** Pool members that must not be used, because the source refused their addresses. */
      readonly refusedRunners: readonly string[];
      /** The pool member whose own address the source serves best. */
      readonly member: string;
    }
  /** No version of yt-dlp can read the site. */
  | { readonly type: "wait"; readonly until: number; readonly why: "failing" }
  | Exclude<Choice, { type: "chosen" }>;

/** Name under which a site's treatment of direct media requests is remembered. */
const DIRECT_MEDIA = `${DIRECT}/media`;

/**
 * The name of an exit in the table of health. Each member of a pool has an address of its own, so the direct way of
 * each is a different exit.
 *
 * @example healthKey(context, "direct", "processor-1") // "direct processor-1"
 */
export function healthKey(
  { runner }: Pick<RequestContext, "runner">,
  exit: string,
  member: string | null,
): string {
  const isOwn = exit === DIRECT || exit === DIRECT_MEDIA;
  return isOwn && runner.members.length > 1 && member !== null ? `${exit} ${member}` : exit;
}

/** The same for media that does not come through the run's exit. */
export const mediaKey = (context: Pick<RequestContext, "runner">, member: string | null): string =>
  healthKey(context, DIRECT_MEDIA, member);

/** The site whose limits a job is subject to. */
export const siteKeyOfJob = ({ url, media_url }: Pick<JobRow, "url" | "media_url">): string =>
  siteKeyOf(media_url ?? url);

/**
 * Chooses the exits of a job's next run.
 *
 * @param requiredExit the only exit that it may use, because a session belongs to its address
 */
export function assignExits(
  context: Pick<RequestContext, "clock" | "random" | "runner">,
  known: Backoffs,
  job: Pick<JobRow, "url" | "media_url" | "request">,
  requiredExit: string | null = null,
): Assignment {
  const now = context.clock();
  const site = siteKeyOfJob(job);
  const heldBackUntil = siteAvailableAt(known, site, now);
  if (heldBackUntil > now) return { type: "wait", until: heldBackUntil, why: "failing" };
  const { members } = context.runner;
  const pairOf = (exit: string, member: string) => known.pairOf(site, healthKey(context, exit, member));
  const availableIn = (member: string) => availableAt(pairOf(DIRECT, member), now);
  const refusedRunners = members.filter((member) => availableIn(member) > now);
  const [best = ""] = [...members].sort((a, b) => availableIn(a) - availableIn(b));
  const candidates = (known.exits.length === 0 ? [IMPLICIT] : known.exits).map(
    (exit): Candidate => ({
      ...exit,
      running: known.running.get(exit.name) ?? 0,
      health: pairOf(exit.name, best),
    }),
  );
  const wished = wishOf(job);
  const geo = wished.geo ?? null;
  const mediaExit = wished.media_exit ?? "auto";
  const wish: Wish = { geo: known.exits.length === 0 ? null : geo, requiredExit };
  const random = () => (context.random(1)[0] ?? 0) / 256;
  const choice = chooseExits(candidates, wish, now, random);
  if (choice.type !== "chosen") return choice;
  const names = known.exits.map(({ name }) => name);
  const directMedia = known.pairOf(site, mediaKey(context, best));
  return {
    type: "assigned",
    exits: choice.order.flatMap((name) => known.exits.find((exit) => exit.name === name) ?? []),
    fetchesDirectly: mayFetchDirectly(choice.order, { names, mediaExit, geo, directMedia }, now),
    refusedRunners: choice.order[0] === DIRECT ? refusedRunners : [],
    member: best,
  };
}

/** Where nothing is configured, the processor's own way is the only one. */
const IMPLICIT: Exit = {
  ...{ name: DIRECT, url: null, country: null, costPerGb: 0, maxRuns: null, isShared: false },
};

/** What was asked for when the job was accepted; it has been checked then. */
const wishOf = ({ request }: Pick<JobRow, "request">): ExitWish =>
  ExitWish.safeParse({ geo: request.geo, media_exit: request.media_exit }).data ?? {};

/** The place of a run at its exit, taken before the claim, because other claims are under way at the same time. */
export interface Reservation {
  /** The run was accepted: other isolates must know. */
  commit(): void;
  /** The run did not begin. */
  release(): void;
}

/** Takes a place for a run. It must be called without waiting after {@link assignExits}. */
export function reserveExit(
  context: RequestContext,
  known: Backoffs,
  job: Pick<JobRow, "url" | "media_url">,
  { exits: [first], fetchesDirectly, member }: Extract<Assignment, { type: "assigned" }>,
): Reservation {
  const site = siteKeyOfJob(job);
  const isSiteProbed = stateOf(siteAsWhole(known, site), context.clock()) !== "closed";
  const names = [
    healthKey(context, first?.name ?? DIRECT, member),
    ...(isSiteProbed ? [EVERY_EXIT] : []),
    // media has no pace of its own, because most runs find out only later whether it may come directly
    ...(fetchesDirectly && known.pairOf(site, mediaKey(context, member)).strikes > 0
      ? [mediaKey(context, member)]
      : []),
  ];
  const uses = names.map((exit) => use(context, known, site, exit));
  if (first) context.backoffs.countRun(first.name, 1);
  return {
    commit() {
      for (const { commit } of uses) commit();
    },
    release() {
      if (first) context.backoffs.countRun(first.name, -1);
      for (const { release } of uses) release();
    },
  };
}

const NOTHING: Reservation = { commit() {}, release() {} };

function use(context: RequestContext, known: Backoffs, site: string, exit: string): Reservation {
  const before = known.pairOf(site, exit);
  const after: KnownPair = { ...before, ...taken(before, context.clock()), site, exit };
  const ahead = after.nextAt - before.nextAt;
  if (ahead === 0 && after.probeUntil === before.probeUntil) return NOTHING;
  context.backoffs.keep(after);
  return {
    commit() {
      if (!isStored(after)) return;
      const { nextAt: next_at, probeUntil: probe_until } = after;
      context.defer(noteUse(context.db, { site, exit, next_at, probe_until }));
    },
    release() {
      const now = known.pairOf(site, exit);
      // an outcome has changed the pair meanwhile
      if (now.version !== before.version || now.strikes !== before.strikes) return;
      const probeUntil = now.probeUntil === after.probeUntil ? before.probeUntil : now.probeUntil;
      context.backoffs.keep({ ...now, site, exit, probeUntil, nextAt: Math.max(0, now.nextAt - ahead) });
    },
  };
}

/** The exits as the processor gets them; each run has sessions of its own. */
export function wireExits(
  { random }: Pick<RequestContext, "random">,
  exits: readonly Exit[],
  fetchesDirectly: boolean,
): NonNullable<RunRequest["exits"]> {
  return exits.map(({ name, url, country }) => ({
    name,
    country,
    url: url?.replaceAll(SESSION_MARK, sessionName(random)) ?? null,
    media: fetchesDirectly && url !== null ? "direct" : "same",
  }));
}

/** A new session with a provider: letters and digits, which every one of them accepts. */
const sessionName = (random: RequestContext["random"]): string =>
  [...random(12)].map((byte) => (byte % 36).toString(36)).join("");

/** The exit of a question about a source, which needs no claim: the best one for its site; null where none are configured. */
export async function exitForProbe(
  context: RequestContext,
  url: string,
): Promise<{ readonly name: string; readonly url: string | null } | null> {
  const known = await context.backoffs.read(context);
  if (known.exits.length === 0) return null;
  const assigned = assignExits(context, known, { url, media_url: null, request: {} });
  // a question is asked although the site may refuse: its answer says so
  const exits = assigned.type === "assigned" ? assigned.exits : known.exits;
  const [exit] = wireExits(context, exits.slice(0, 1), false);
  return exit ? { name: exit.name, url: exit.url } : null;
}
