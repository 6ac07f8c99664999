import {
  DENIAL_REASONS,
  DENIED_KINDS,
  type Denial,
  TAKEDOWN_JOB_STATES,
} from "../../../schema/api/operator/denied.ts";
import type { Erasure } from "../../../schema/api/operator/erasure.ts";
import { readChoice, readNumber } from "../arguments/values.ts";
import type { Command } from "../command.ts";
import { CommandError } from "../failures/command-error.ts";
import { EXIT } from "../failures/exit-codes.ts";
import { findAccount } from "../find-account.ts";
import { printList } from "../terminal/print-list.ts";
import { facts, moment } from "../terminal/text.ts";

/** What the operator denies, takedowns, and erasures of accounts. */

const DENIAL = "01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17";
const DEFAULT_LIMIT = 50;

function progressOf({ takedown }: Denial): string {
  if (takedown === null) return "none";
  const { matched, waiting, kept } = takedown.jobs;
  const files = `${takedown.objects_deleted} objects deleted${kept > 0 ? `, ${kept} files kept` : ""}`;
  return takedown.status === "finished"
    ? `finished: ${matched} jobs, ${files}`
    : `${matched - waiting} of ${matched} jobs so far, ${files}`;
}

const denialText = (denial: Denial): string =>
  facts([
    ["id", denial.id],
    [denial.kind, denial.value],
    ["reason", denial.reason],
    ["reference", denial.reference ?? ""],
    ["note", denial.note ?? ""],
    ["since", moment(denial.created_at)],
    ["takedown", progressOf(denial)],
  ]);

export const denied: Command = {
  summary: "List what is not delivered, newest first",
  needs: "admin",
  options: {
    kind: { value: DENIED_KINDS.join("|"), help: "Only denials of this kind" },
    limit: { value: "N", help: `Denials at most; default: ${DEFAULT_LIMIT}` },
  },
  examples: ["admin denied", "admin denied --kind site --json"],
  async run(args, { api, out, signal }) {
    const kind = readChoice(args, "kind", DENIED_KINDS);
    const limit = readNumber(args, "limit") ?? DEFAULT_LIMIT;
    const head = ["id", "kind", "value", "reason", "reference", "takedown"];
    await printList(api.each("listDenials", { query: { kind }, signal }), limit, out, head, (denial) => [
      ...[denial.id, denial.kind, denial.value, denial.reason, denial.reference ?? "", progressOf(denial)],
    ]);
    return EXIT.ok;
  },
};

export const deniedAdd: Command = {
  summary: "Deny an address, a site, a channel, or a file by its SHA-256",
  needs: "admin",
  operands: ["<url|site|channel|hash>", "<value>"],
  options: {
    reason: { value: DENIAL_REASONS.join("|"), help: "Why; callers do not see it. Default: other" },
    note: { value: "TEXT", help: "For the operator only" },
    reference: { value: "TEXT", help: "Such as the number of a claim; callers see it" },
    takedown: { help: "Also stop the jobs that fetch it, and delete what was delivered" },
  },
  examples: [
    "admin denied add url https://www.youtube.com/watch?v=aqz-KE-bpKQ --reason copyright --reference TD-17 --takedown",
    "admin denied add site example.com --reason policy",
  ],
  async run(args, { api, out, signal }) {
    const [kindText = "", value = ""] = args.operands;
    const kind = DENIED_KINDS.find((known) => known === kindText);
    if (!kind) throw new CommandError(EXIT.usage, `The first word must be one of ${DENIED_KINDS.join(", ")}`);
    const denial = await api.createDenial({
      body: {
        ...{ kind, value, takedown: args.flag("takedown") },
        reason: readChoice(args, "reason", DENIAL_REASONS) ?? "other",
        note: args.text("note") ?? null,
        reference: args.text("reference") ?? null,
      },
      signal,
    });
    out.result(denial, () => denialText(denial));
    return EXIT.ok;
  },
};

export const deniedShow: Command = {
  summary: "Show a denial and the progress of its takedown",
  needs: "admin",
  operands: ["<denial>"],
  examples: [`admin denied show ${DENIAL}`],
  async run({ operands: [id = ""] }, { api, out, signal }) {
    const denial = await api.getDenial({ params: { id }, signal });
    out.result(denial, () => denialText(denial));
    return EXIT.ok;
  },
};

export const deniedRemove: Command = {
  summary: "Allow a source again; what was deleted stays deleted",
  needs: "admin",
  operands: ["<denial>"],
  examples: [`admin denied remove ${DENIAL}`],
  async run({ operands: [id = ""] }, { api, out, signal }) {
    const removed = await api.removeDenial({ params: { id }, signal });
    out.result(removed, () => `The denial ${removed.id} was removed.`);
    return EXIT.ok;
  },
};

export const deniedTakedown: Command = {
  summary: "Stop the jobs of a denied source and delete what they delivered",
  needs: "admin",
  operands: ["<denial>"],
  examples: [`admin denied takedown ${DENIAL}`],
  async run({ operands: [id = ""] }, { api, out, signal }) {
    const denial = await api.takeDown({ params: { id }, signal });
    out.result(denial, () => denialText(denial));
    return EXIT.ok;
  },
};

export const deniedJobs: Command = {
  summary: "List the jobs that a takedown matched, and why files were kept",
  needs: "admin",
  operands: ["<denial>"],
  options: {
    state: { value: TAKEDOWN_JOB_STATES.join("|"), help: "Only jobs in this state" },
    limit: { value: "N", help: `Jobs at most; default: ${DEFAULT_LIMIT}` },
  },
  examples: [`admin denied jobs ${DENIAL} --state kept`],
  async run(args, { api, out, signal }) {
    const [id = ""] = args.operands;
    const state = readChoice(args, "state", TAKEDOWN_JOB_STATES);
    const limit = readNumber(args, "limit") ?? DEFAULT_LIMIT;
    const jobs = api.each("listTakedownJobs", { params: { id }, query: { state }, signal });
    await printList(jobs, limit, out, ["job", "account", "state", "objects", "why"], (job) => [
      ...[job.job_id, job.account_id ?? "", job.state, `${job.objects_deleted}`, job.explanation ?? ""],
    ]);
    return EXIT.ok;
  },
};

const erasureText = (erasure: Erasure): string =>
  facts([
    ["id", erasure.id],
    ["state", erasure.status === "finished" ? "finished" : `erasing: ${erasure.phase}`],
    ["account", erasure.account_id ?? "erased"],
    ["requested", moment(erasure.requested_at)],
    ["finished", moment(erasure.finished_at)],
    ...erasure.erased.map(({ kind, count }): [string, string] => [kind, `${count} erased`]),
    ...erasure.kept.map(({ kind, count, why }): [string, string] => [kind, `${count} kept. ${why}`]),
    ["last error", erasure.last_error ?? ""],
  ]);

export const accountsErase: Command = {
  summary: "Erase an account with everything that belongs to it; this cannot be undone",
  details:
    "The account is closed at once. Its jobs, files, keys and secrets are erased in the next minutes; the receipt says what was erased, and what was kept and why.",
  needs: "admin",
  operands: ["<account>"],
  options: {
    yes: { help: "Required: confirms that everything of the account is erased" },
    "own-storage": { help: "Also delete the files in the account's own storage" },
  },
  examples: ["admin accounts erase newsroom --yes"],
  async run(args, context) {
    const account = await findAccount(args.operands[0], context);
    if (!args.flag("yes")) {
      throw new CommandError(
        EXIT.usage,
        `This erases the account "${account.name}" (${account.id}) with all of its jobs and files; confirm with --yes`,
      );
    }
    const { api, out, signal } = context;
    const own_storage = args.flag("own-storage") ? "true" : "false";
    const erasure = await api.eraseAccount({ params: { id: account.id }, query: { own_storage }, signal });
    out.result(erasure, () => erasureText(erasure));
    return EXIT.ok;
  },
};

export const erasures: Command = {
  summary: "List erasures of accounts, or show one with its receipt",
  needs: "admin",
  operands: ["[erasure]"],
  examples: ["admin erasures", `admin erasures ${DENIAL} --json`],
  async run({ operands: [id] }, { api, out, signal }) {
    if (id !== undefined) {
      const erasure = await api.getErasure({ params: { id }, signal });
      out.result(erasure, () => erasureText(erasure));
      return EXIT.ok;
    }
    const head = ["id", "state", "requested", "finished"];
    await printList(api.each("listErasures", { signal }), DEFAULT_LIMIT, out, head, (erasure) => [
      ...[erasure.id, erasure.status === "finished" ? "finished" : erasure.phase],
      ...[moment(erasure.requested_at), moment(erasure.finished_at)],
    ]);
    return EXIT.ok;
  },
};
