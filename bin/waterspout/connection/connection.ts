import { resolve } from "node:path";
import { inRoot } from "../../stack/paths.ts";
import type { Args } from "../arguments/args.ts";
import { readTextFile } from "../arguments/read-file.ts";
import { CommandError } from "../failures/command-error.ts";
import { EXIT } from "../failures/exit-codes.ts";
import { type LocalStack, readLocalStack } from "./local-stack.ts";

/** The API that a command talks to. */
export interface Connection {
  readonly url: string;
  readonly apiKey?: string | undefined;
  readonly adminToken?: string | undefined;
  /** Where the credential is from, for messages. @example "WATERSPOUT_API_KEY" */
  readonly credential?: string | undefined;
  /** True for the stack that `npm start` runs here, whose operator is the person at the terminal. */
  readonly isLocal: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The state folder of the installation on this machine, absolute. */
export const stateFolderOf = (args: Args, env: Environment): string =>
  resolve(args.text("state") ?? (env.WATERSPOUT_STATE || inRoot(".waterspout")));

type Need = "key" | "admin" | "nothing";

/**
 * Options go before the environment, and the environment before the local stack. The local stack's credentials are for
 * its own address only: no other server receives them.
 *
 * @param needs the credential that the command cannot work without
 * @throws CommandError if the address or the credential is missing, or a file cannot be read
 */
export function findConnection(args: Args, env: Environment, needs: Need): Connection {
  const given = args.text("server") ?? (env.WATERSPOUT_URL || undefined);
  const stateDir = stateFolderOf(args, env);
  const local = given === undefined ? readLocalStack(stateDir) : localStackIfAny(stateDir);
  const url = given ?? local?.url;
  if (url === undefined) {
    throw new CommandError(
      EXIT.unreachable,
      "No Waterspout is running here. Start one with npm start, or name a server: --server URL, or WATERSPOUT_URL.",
    );
  }
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    const name = args.spelling("server") ?? "WATERSPOUT_URL";
    throw new CommandError(EXIT.usage, `${name} must be the http or https URL of an API, not "${url}"`);
  }
  const own = local && new URL(local.url).origin === new URL(url).origin ? local : null;
  return { url, isLocal: own !== null, ...credentialOf(args, env, own, needs, url) };
}

/** Not needed if a server was named, so a damaged file does no harm. */
function localStackIfAny(stateDir: string): LocalStack | null {
  try {
    return readLocalStack(stateDir);
  } catch {
    return null;
  }
}

function credentialOf(
  args: Args,
  env: Environment,
  own: LocalStack | null,
  needs: Need,
  url: string,
): Pick<Connection, "apiKey" | "adminToken" | "credential"> {
  if (needs === "nothing") return {};
  const [variable, member, what] = CREDENTIALS[needs];
  const file = args.text("key-file");
  const found = [
    { value: file === undefined ? undefined : readKeyFile(file), credential: file },
    { value: env[variable], credential: variable },
    { value: own?.[needs === "key" ? "api_key" : "admin_token"], credential: "the stack that runs here" },
  ].find(({ value }) => value !== undefined && value !== "");
  if (found) return { [member]: found.value, credential: found.credential };
  throw new CommandError(
    EXIT.usage,
    `Set ${variable} to ${what} of ${url}, or name a file that holds it: --key-file FILE`,
  );
}

const CREDENTIALS = {
  key: ["WATERSPOUT_API_KEY", "apiKey", "a key"],
  admin: ["WATERSPOUT_ADMIN_TOKEN", "adminToken", "the operator's token"],
} as const;

function readKeyFile(path: string): string {
  const key = readTextFile(path).trim();
  if (/^[\x21-\x7e]+$/.test(key)) return key;
  throw new CommandError(EXIT.local, `${path} must hold one key and nothing else`);
}
