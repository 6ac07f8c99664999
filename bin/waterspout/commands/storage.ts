import { endpoints } from "../../../schema/api/endpoints.ts";
import { PROVIDERS, type Provider } from "../../../schema/api/storage.ts";
import type { StorageView } from "../../../schema/api/user-storage.ts";
import type { CallInput } from "../../../schema/client.ts";
import type { Args } from "../arguments/args.ts";
import { parseJsonText, readJsonFile } from "../arguments/read-file.ts";
import { readChoice } from "../arguments/values.ts";
import type { Command, Context } from "../command.ts";
import { CommandError } from "../failures/command-error.ts";
import { EXIT } from "../failures/exit-codes.ts";
import { noteAdjustments } from "../terminal/note-adjustments.ts";
import type { Output } from "../terminal/output.ts";
import { facts, moment } from "../terminal/text.ts";

/** The account's own storage: one of `POST`, `GET` and `DELETE /user/<provider>`, and its test. */

export const storage: Command = {
  summary: "Show the account's own storage, its keys masked",
  examples: ["storage", "storage --json"],
  async run(_, context) {
    const { out } = context;
    const view = await findStorage(context);
    if (view) out.result(view, () => viewText(view, out));
    else out.result({ configured: false }, () => MANAGED);
    return EXIT.ok;
  },
};

export const storageSet: Command = {
  summary: "Set the account's own storage, for all jobs that bring none",
  details:
    "The file is a JSON object: the provider and its credentials, as the member storage of a job. A dash reads it from the standard input. Nothing is saved unless an object could be written there.",
  operands: ["<file>"],
  options: {
    provider: { value: PROVIDERS.join("|"), help: "Provider, if the file does not name it" },
  },
  examples: ["storage set storage.json", "storage set - --provider s3 < storage.json"],
  async run(args, { api, out, signal, readInput }) {
    const [file = ""] = args.operands;
    const sent = file === "-" ? parseJsonText(await readInput(), "The standard input") : readJsonFile(file);
    const { provider, body } = settingsOf(sent, args);
    const saved = await api[routeOf(provider, "POST")]({ body, signal });
    noteAdjustments(saved, out);
    out.result(saved, () =>
      facts([
        ["message", saved.message],
        ["bucket", saved.container_or_bucket],
        ["folder prefix", saved.folder_prefix],
      ]),
    );
    return EXIT.ok;
  },
};

export const storageTest: Command = {
  summary: "Write and delete a small object in the account's own storage",
  examples: ["storage test", "storage test --json"],
  async run(_, { api, out, signal }) {
    const tested = await api.testStorage({ signal });
    noteAdjustments(tested, out);
    out.result(tested, () => tested.message);
    return EXIT.ok;
  },
};

export const storageForget: Command = {
  summary: "Remove the account's own storage; jobs then use the managed bucket",
  examples: ["storage forget"],
  async run(_, context) {
    const { api, out, signal } = context;
    const view = await findStorage(context);
    if (!view) throw new CommandError(EXIT.refused, MANAGED);
    const removed = await api[routeOf(view.provider, "DELETE")]({ signal });
    out.result(removed, () => removed.message);
    return EXIT.ok;
  },
};

const MANAGED = "The account has no storage of its own; its jobs use the managed bucket.";

/** Each provider has a route of its own, and only one of them is configured. */
async function findStorage({ api, signal }: Context): Promise<StorageView | null> {
  const views = await Promise.all(PROVIDERS.map((provider) => api[routeOf(provider, "GET")]({ signal })));
  return views.find(({ configured }) => configured) ?? null;
}

/** The routes of all providers have the same form but for the members of the credentials, which the API checks. */
interface Routes {
  readonly POST: "setS3Storage";
  readonly GET: "getS3Storage";
  readonly DELETE: "removeS3Storage";
}

function routeOf<M extends keyof Routes>(provider: Provider, method: M): Routes[M] {
  const found = Object.entries(endpoints).find(
    ([, endpoint]) => endpoint.method === method && endpoint.path === `/user/${provider}`,
  );
  if (!found) throw new Error(`${method} /user/${provider} is not in the table of endpoints`);
  return found[0] as Routes[M];
}

/** What the API is sent: the members of the file, and the provider that selects the route. */
function settingsOf(sent: unknown, args: Args) {
  if (typeof sent !== "object" || sent === null || Array.isArray(sent)) {
    throw new CommandError(EXIT.usage, "The storage must be a JSON object: see storage set --help");
  }
  const { provider: named, ...members } = sent as Record<string, unknown>;
  const choice = readChoice(args, "provider", PROVIDERS);
  const provider = choice ?? PROVIDERS.find((known) => known === (named === "azure" ? "blob" : named));
  if (provider === undefined) {
    const choices = PROVIDERS.join(", ");
    throw new CommandError(
      EXIT.usage,
      `The storage needs a provider (${choices}): in the file, or as --provider`,
    );
  }
  return { provider, body: members as unknown as NonNullable<CallInput<"setS3Storage">["body"]> };
}

const viewText = (view: StorageView, { paint }: Output): string =>
  facts(
    [
      ["provider", view.provider],
      ["bucket", view.container_or_bucket],
      ["endpoint", view.endpoint],
      ["region", view.region],
      ["base folder", view.base_folder],
      ["folder prefix", view.folder_prefix],
      ["access key", view.access_key_masked],
      ["set", moment(view.last_modified)],
    ],
    paint,
  );
