import type { Command } from "./command.ts";
import {
  accounts,
  accountsCreate,
  accountsDisable,
  accountsEnable,
  accountsLimits,
} from "./commands/accounts.ts";
import { audit } from "./commands/audit.ts";
import { backup, restore } from "./commands/backup.ts";
import { batch, batchCancel, batchRename, batchShow, batchStart, batchWait } from "./commands/batch.ts";
import { doctor } from "./commands/doctor.ts";
import { get } from "./commands/get.ts";
import { cancel, deleteFile, retry, show, wait } from "./commands/job.ts";
import { keys, keysCreate, keysRevoke, keysRoll } from "./commands/keys.ts";
import { list } from "./commands/list.ts";
import { probe } from "./commands/probe.ts";
import { adminUsage, usage } from "./commands/usage.ts";
import { webhooks, webhooksReplay } from "./commands/webhooks.ts";

/** Every command by its name, which may be of several words. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  get,
  list,
  show,
  wait,
  cancel,
  retry,
  "delete-file": deleteFile,
  probe,
  batch,
  "batch show": batchShow,
  "batch wait": batchWait,
  "batch start": batchStart,
  "batch rename": batchRename,
  "batch cancel": batchCancel,
  usage,
  doctor,
  backup,
  restore,
  webhooks,
  "webhooks replay": webhooksReplay,
  keys,
  "keys create": keysCreate,
  "keys roll": keysRoll,
  "keys revoke": keysRevoke,
  "admin accounts": accounts,
  "admin accounts create": accountsCreate,
  "admin accounts limits": accountsLimits,
  "admin accounts disable": accountsDisable,
  "admin accounts enable": accountsEnable,
  "admin usage": adminUsage,
  "admin audit": audit,
};

/** Other names of commands. */
const ALIASES: readonly (readonly [RegExp, string])[] = [
  [/^admin keys( list)?$/, "keys"],
  [/^admin keys (create|roll|revoke)$/, "keys $1"],
  [/^admin accounts list$/, "admin accounts"],
  [/^keys list$/, "keys"],
  [/^webhooks list$/, "webhooks"],
];

/** A command as it was called. */
export interface CalledCommand {
  readonly name: string;
  readonly command: Command;
  /** What stands behind its name. */
  readonly rest: readonly string[];
}

/** The command with the longest name that the words begin with; null when there is none. */
export function findCommand(words: readonly string[]): CalledCommand | null {
  for (let length = Math.min(3, words.length); length > 0; length--) {
    const called = words.slice(0, length).join(" ");
    const alias = ALIASES.find(([pattern]) => pattern.test(called));
    const name = alias ? called.replace(...alias) : called;
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (command) return { name, command, rest: words.slice(length) };
  }
  return null;
}
