import type { z } from "zod";
import type { Exit, ExitChange, NewExit } from "../../../schema/api/operator/exits.ts";
import { DIRECT, SESSION_MARK } from "../../../schema/exits.ts";
import type { RequestContext } from "../../context.ts";
import * as rows from "../../db/exits/exit-rows.ts";
import { illegalState, notFound } from "../../lib/api-error.ts";
import { type Actor, auditRow } from "../accounts/audit.ts";

/** The operator's actions on exits. Those of the setting `EXITS` are shown, and changed there only. */

export async function listExits(context: RequestContext): Promise<{ exits: Exit[] }> {
  const { running } = await context.backoffs.read(context);
  const kept = await rows.exitsQuery(context.db);
  const configured = context.config.exits;
  const own = new Set(configured.map(({ name }) => name));
  return {
    exits: [
      ...configured.map(
        ({ url, ...exit }): Exit => ({
          ...{ ...exit, url: shownProxy(url), enabled: true, origin: "setting", updated_at: null },
          running: running.get(exit.name) ?? 0,
        }),
      ),
      ...kept.filter(({ name }) => !own.has(name)).map((row) => viewExit(row, running.get(row.name) ?? 0)),
    ],
  };
}

/** Stores an exit, in place of one with its name. @throws ApiError `invalid_request` for a name of the setting */
export async function putExit(
  context: RequestContext,
  by: Actor,
  { name, url, country, cost_per_gb, max_runs, enabled }: z.output<typeof NewExit>,
): Promise<Exit> {
  refuseConfigured(context, name);
  const now = context.clock();
  const sealed = url === DIRECT ? null : await context.sealer.seal(url, { owner: name, purpose: "exit.url" });
  const row: rows.ExitRow = {
    ...{ name, country, cost_per_gb, max_runs, enabled, created_at: now, updated_at: now },
    ...{ sealed_url: sealed?.sealed ?? null, shown_url: shownProxy(url) },
  };
  const detail = { url: row.shown_url, country, cost_per_gb, max_runs, enabled };
  const facts = { action: "exit.set", accountId: null, subject: name, detail } as const;
  await rows.putExit(context.db, row, auditRow(context, by, facts));
  context.backoffs.remove();
  return viewExit(row, 0);
}

/** @throws ApiError `not_found`; `invalid_request` for a name of the setting */
export async function changeExit(
  context: RequestContext,
  by: Actor,
  name: string,
  change: z.output<typeof ExitChange>,
): Promise<Exit> {
  refuseConfigured(context, name);
  const facts = { action: "exit.changed", accountId: null, subject: name, detail: change } as const;
  const given = Object.entries(change).filter(([, value]) => value !== undefined);
  const columns: Partial<rows.ExitRow> = { ...Object.fromEntries(given), updated_at: context.clock() };
  const row = await rows.changeExit(context.db, name, columns, auditRow(context, by, facts));
  if (!row) throw notFound("exit");
  context.backoffs.remove();
  const { running } = await context.backoffs.read(context);
  return viewExit(row, running.get(name) ?? 0);
}

/** Runs that use the exit go on. @throws ApiError `not_found`; `invalid_request` for a name of the setting */
export async function removeExit(context: RequestContext, by: Actor, name: string): Promise<void> {
  refuseConfigured(context, name);
  const facts = { action: "exit.removed", accountId: null, subject: name } as const;
  if (!(await rows.removeExit(context.db, name, auditRow(context, by, facts)))) throw notFound("exit");
  context.backoffs.remove();
}

function refuseConfigured({ config }: RequestContext, name: string): void {
  if (config.exits.some((exit) => exit.name === name)) {
    throw illegalState(`The exit ${name} is configured by the setting EXITS; change it there`);
  }
}

const viewExit = (
  { shown_url, sealed_url: _, created_at: __, ...row }: rows.ExitRow,
  running: number,
): Exit => ({
  ...row,
  ...{ url: shown_url, origin: "admin", running },
});

/** @example shownProxy("socks5://user:password@proxy.example:1080") // "socks5://proxy.example:1080" */
function shownProxy(url: string): string {
  if (url === DIRECT) return DIRECT;
  const { protocol, host } = new URL(url.replaceAll(SESSION_MARK, "session"));
  return `${protocol}//${host}`;
}
