import type { Job } from "../../../schema/api/job.ts";
import { STATUSES } from "../../../schema/states.ts";
import { readChoice, readNumber } from "../arguments/values.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../failures/exit-codes.ts";
import { printList } from "../terminal/print-list.ts";
import { moment } from "../terminal/text.ts";

const DEFAULT_LIMIT = 20;
const LARGEST_PAGE = 100;

export const list: Command = {
  summary: "List jobs, newest first",
  options: {
    status: { value: STATUSES.join("|").toLowerCase(), help: "Only jobs of this status" },
    batch: { value: "BATCH-ID", help: "Only jobs of this batch" },
    search: {
      value: "WORDS",
      help: "Only jobs with these words in their title, URL or name; or one job's id",
    },
    limit: { value: "N", help: `Jobs at most; default: ${DEFAULT_LIMIT}` },
  },
  examples: ["list", "list --status failed --limit 100", "list --search keynote", "list --json | jq .s3_url"],
  async run(args, { api, out, signal }) {
    const limit = readNumber(args, "limit") ?? DEFAULT_LIMIT;
    const query = {
      limit: Math.min(limit, LARGEST_PAGE),
      status: readChoice(args, "status", STATUSES),
      batch_id: args.text("batch"),
      search: args.text("search"),
    };
    await printList(api.each("listJobs", { query, signal }), limit, out, HEAD, row);
    return EXIT.ok;
  },
};

const HEAD = ["id", "status", "progress", "created", "title or url"];
const row = ({ id, status, progress, created_at, title, url }: Job): string[] => [
  ...[id, status, `${Math.round(progress)} %`, moment(created_at), title ?? url],
];
