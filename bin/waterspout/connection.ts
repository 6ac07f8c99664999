import { resolve } from "node:path";
import { inRoot } from "../stack/paths.ts";
import type { Args } from "./command.ts";
import { CommandError } from "./command-error.ts";
import { EXIT } from "./exit-codes.ts";
import { readLocalStack } from "./local-stack.ts";
import { readTextFile } from "./read-file.ts";

/** The API that a command talks to. */
export interface Connection {
  readonly url: string;
  readonly apiKey?: string | undefined;
  readonly adminToken?: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The state folder of the installation on this machine, absolute. */
export const stateFolderOf = (args: Args, env: Environment): string =>
  resolve(args.text("state") ?? (env.WATERSPOUT_STATE || inRoot(".waterspout")));

/**
 * Options go before the environment, and that before the local stack. What the local stack wrote down is for its own
 * address alone: no other server hears its key.
 *
 * @param needs the credential without which the command makes no sense
 * @throws CommandError when nothing says where the API is, or who asks
 */
export function findConnection(args: Args, env: Environment, needs: "key" | "admin" | "nothing"): Connection {
  const local = readLocalStack(stateFolderOf(args, env));
  const url = args.text("url") ?? (env.WATERSPOUT_URL || local?.url);
  if (url === undefined) {
    throw new CommandError(
      EXIT.unreachable,
      "No Waterspout is running here. Start one with npm start, or set WATERSPOUT_URL to the address of one.",
    );
  }
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new CommandError(EXIT.usage, `"${url}" is not the address of an API: an http or https URL`);
  }
  const own = local && new URL(local.url).origin === new URL(url).origin ? local : null;
  const keyFile = args.text("key-file");
  const fromFile = keyFile === undefined ? undefined : readTextFile(keyFile).trim();
  const apiKey = needs === "key" ? fromFile : undefined;
  const adminToken = needs === "admin" ? fromFile : undefined;
  const connection = {
    url,
    apiKey: apiKey ?? (env.WATERSPOUT_API_KEY || own?.api_key),
    adminToken: adminToken ?? (env.WATERSPOUT_ADMIN_TOKEN || own?.admin_token),
  };
  if (needs === "key" && connection.apiKey === undefined) {
    throw new CommandError(EXIT.usage, `Set WATERSPOUT_API_KEY to a key of ${url}, or specify a --key-file.`);
  }
  if (needs === "admin" && connection.adminToken === undefined) {
    throw new CommandError(
      EXIT.usage,
      `Set WATERSPOUT_ADMIN_TOKEN to the operator's token of ${url}, or specify a --key-file.`,
    );
  }
  return connection;
}
