import { SLACK_LEVELS } from "../../../schema/api/slack.ts";
import { readTextFile } from "../arguments/read-file.ts";
import { readChoice } from "../arguments/values.ts";
import type { Command } from "../command.ts";
import { CommandError } from "../failures/command-error.ts";
import { EXIT } from "../failures/exit-codes.ts";
import { facts } from "../terminal/text.ts";

export const slack: Command = {
  summary: "Show where the results of jobs are sent in Slack",
  examples: ["slack", "slack --json"],
  async run(_, { api, out, signal }) {
    const found = await api.getSlack({ signal });
    out.result(found, () =>
      found.configured
        ? facts(
            [
              ["webhook", found.webhook_url],
              ["level", found.notify_level],
            ],
            out.paint,
          )
        : "Nothing is sent to Slack.",
    );
    return EXIT.ok;
  },
};

export const slackSet: Command = {
  summary: "Send the results of jobs to Slack",
  details:
    "The file holds the URL of an incoming webhook of Slack, or of anything that takes the same messages. A dash reads it from the standard input. The URL is a secret, so it is no argument: it would stay in the history of the shell.",
  operands: ["<file>"],
  options: {
    level: { value: SLACK_LEVELS.join("|"), help: "Which results are sent; default: all" },
  },
  examples: ["slack set slack-webhook.txt", "slack set - --level errors_only < slack-webhook.txt"],
  async run(args, { api, out, signal, readInput }) {
    const [file = ""] = args.operands;
    if (/^https?:/.test(file)) {
      const how = "put it into a file, or write a dash and paste it: waterspout slack set -";
      throw new CommandError(EXIT.usage, `The webhook's URL is a secret; ${how}`);
    }
    const webhook_url = (file === "-" ? await readInput() : readTextFile(file)).trim();
    const notify_level = readChoice(args, "level", SLACK_LEVELS) ?? "all";
    const saved = await api.saveSlack({ body: { webhook_url, notify_level }, signal });
    out.result(saved, () => saved.message);
    return EXIT.ok;
  },
};

export const slackForget: Command = {
  summary: "Stop sending to Slack",
  examples: ["slack forget"],
  async run(_, { api, out, signal }) {
    const removed = await api.removeSlack({ signal });
    out.result(removed, () => removed.message);
    return EXIT.ok;
  },
};
