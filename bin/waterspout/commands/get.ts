import { jobOptions } from "../../../schema/api/job-request.ts";
import { membersOf, optionsOf } from "../arguments/schema-options.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../failures/exit-codes.ts";
import { adjustmentText } from "../terminal/job-text.ts";
import { awaitEnd, OUTPUT_OPTION, WAIT_OPTIONS } from "../waiting/await-end.ts";
import { createdBy } from "../waiting/created-by.ts";

export const get: Command = {
  summary: "Deliver the media of a URL",
  operands: ["<url>"],
  options: {
    ...WAIT_OPTIONS,
    ...OUTPUT_OPTION,
    "idempotency-key": { value: "TEXT", help: "The same key and request create one job within 24 hours" },
    ...optionsOf(jobOptions),
  },
  examples: [
    "get https://example.com/talk.mp4 --wait",
    "get https://example.com/talk.mp4 --max-resolution 720 --output talk.mp4",
    "get https://example.com/talk.mp4 --format mp3 --clip-start 1:30 --clip-end 2:00 --folder talks",
    "get https://example.com/talk.mp4 --storage storage.json --webhook-url https://example.com/hook --json",
  ],
  async run(args, context) {
    const { api, out, signal } = context;
    const [url = ""] = args.operands;
    const response = await api.createJob({
      ...{ body: { ...membersOf(jobOptions, args), url }, signal },
      idempotencyKey: args.text("idempotency-key"),
    });
    const created = createdBy(response);
    for (const adjustment of response.adjustments ?? []) out.note(`adjusted: ${adjustmentText(adjustment)}`);
    if (!args.flag("wait") && args.text("output") === undefined) {
      out.result(response, () => created.id);
      return EXIT.ok;
    }
    out.note(`${created.kind} ${created.id}`);
    return awaitEnd(created, args, context);
  },
};
