import { WithStorage } from "../../../schema/api/endpoints.ts";
import { membersOf, optionsOf } from "../arguments/schema-options.ts";
import type { Command } from "../command.ts";
import { combinedCode, EXIT } from "../failures/exit-codes.ts";
import { jobText } from "../terminal/job-text.ts";
import { awaitEnds, WAIT_OPTION } from "../waiting/await-ends.ts";
import { destinationOf, OUTPUT_OPTION } from "../waiting/destination.ts";

const JOB = "01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17";
const STORAGE_OPTIONS = optionsOf(WithStorage.shape);

export const show: Command = {
  summary: "Show a job",
  operands: ["<job id>"],
  examples: [`show ${JOB}`, `show ${JOB} --json | jq -r .s3_url`],
  async run({ operands: [id = ""] }, { api, out, signal }) {
    const job = await api.getJob({ params: { id }, signal });
    out.result(job, () => jobText(job, out.paint));
    return EXIT.ok;
  },
};

export const wait: Command = {
  summary: "Follow jobs until they end",
  operands: ["<job id>…"],
  options: OUTPUT_OPTION,
  examples: [`wait ${JOB}`, `wait ${JOB} -o talk.mp4`],
  async run(args, context) {
    const { operands } = args;
    const destination = destinationOf(args, operands.length === 1 ? "one" : "several");
    const jobs = operands.map((id) => ({ kind: "job", id }) as const);
    return combinedCode(await awaitEnds(jobs, destination, context));
  },
};

export const cancel: Command = {
  summary: "Cancel a job that is pending or running",
  operands: ["<job id>"],
  examples: [`cancel ${JOB}`],
  async run({ operands: [id = ""] }, { api, out, signal }) {
    const response = await api.cancelJob({ params: { id }, signal });
    out.result(response, () => response.message);
    return EXIT.ok;
  },
};

export const retry: Command = {
  summary: "Retry a job that was not delivered, as a new job",
  operands: ["<job id>"],
  options: { ...WAIT_OPTION, ...OUTPUT_OPTION, ...STORAGE_OPTIONS },
  examples: [`retry ${JOB} --wait`, `retry ${JOB} --storage storage.json`],
  async run(args, context) {
    const { api, out, signal } = context;
    const [id = ""] = args.operands;
    const destination = destinationOf(args, "one");
    const body = membersOf(WithStorage.shape, args);
    const response = await api.retryJob({ params: { id }, body, signal });
    if (args.flag("wait") || destination) {
      out.note(`job ${response.job_id}`);
      return combinedCode(await awaitEnds([{ kind: "job", id: response.job_id }], destination, context));
    }
    out.result(response, () => response.job_id);
    return EXIT.ok;
  },
};

export const deleteFile: Command = {
  summary: "Delete the file that a job delivered",
  operands: ["<job id>"],
  options: STORAGE_OPTIONS,
  examples: [`delete-file ${JOB}`, `delete-file ${JOB} --storage storage.json`],
  async run(args, { api, out, signal }) {
    const [id = ""] = args.operands;
    const body = membersOf(WithStorage.shape, args);
    const response = await api.deleteFile({ params: { id }, body, signal });
    out.result(response, () => `${response.message}: ${response.deleted_key}`);
    return EXIT.ok;
  },
};
