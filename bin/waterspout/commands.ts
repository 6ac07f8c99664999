import type { Command } from "./command.ts";
import {
  accounts,
  accountsCreate,
  accountsDisable,
  accountsEnable,
  accountsLimits,
  accountsRename,
} from "./commands/accounts.ts";
import { audit } from "./commands/audit.ts";
import { backup, restore } from "./commands/backup.ts";
import { batch, batchCancel, batchRename, batchShow, batchStart, batchWait } from "./commands/batch.ts";
import { completion } from "./commands/completion.ts";
import {
  adminCookies,
  adminCookiesForget,
  adminCookiesSet,
  cookies,
  cookiesForget,
  cookiesSet,
} from "./commands/cookies.ts";
import { doctor } from "./commands/doctor.ts";
import { get } from "./commands/get.ts";
import { cancel, deleteFile, retry, show, wait } from "./commands/job.ts";
import { keys, keysCreate, keysRevoke, keysRoll } from "./commands/keys.ts";
import { list } from "./commands/list.ts";
import { probe } from "./commands/probe.ts";
import { reseal } from "./commands/reseal.ts";
import {
  accountsErase,
  denied,
  deniedAdd,
  deniedJobs,
  deniedRemove,
  deniedShow,
  deniedTakedown,
  erasures,
} from "./commands/rights.ts";
import { slack, slackForget, slackSet } from "./commands/slack.ts";
import { storage, storageForget, storageSet, storageTest } from "./commands/storage.ts";
import {
  subscribe,
  subscriptions,
  subscriptionsEntries,
  subscriptionsPause,
  subscriptionsRemove,
  subscriptionsReset,
  subscriptionsResume,
  subscriptionsRun,
  subscriptionsShow,
} from "./commands/subscriptions.ts";
import { adminUsage, usage } from "./commands/usage.ts";
import {
  webhooks,
  webhooksEndpoints,
  webhooksReplay,
  webhooksRotateSecret,
  webhooksSecret,
} from "./commands/webhooks.ts";

type Commands = Readonly<Record<string, Command>>;

/** Every command by its name, which may have several words, under the title of its group. */
export const COMMAND_GROUPS: Readonly<Record<string, Commands>> = {
  Jobs: { get, list, show, wait, cancel, retry, "delete-file": deleteFile, probe },
  Batches: {
    batch,
    "batch show": batchShow,
    "batch wait": batchWait,
    "batch start": batchStart,
    "batch rename": batchRename,
    "batch cancel": batchCancel,
  },
  Subscriptions: {
    subscribe,
    subscriptions,
    "subscriptions show": subscriptionsShow,
    "subscriptions entries": subscriptionsEntries,
    "subscriptions run": subscriptionsRun,
    "subscriptions pause": subscriptionsPause,
    "subscriptions resume": subscriptionsResume,
    "subscriptions reset": subscriptionsReset,
    "subscriptions remove": subscriptionsRemove,
  },
  Account: {
    usage,
    storage,
    "storage set": storageSet,
    "storage test": storageTest,
    "storage forget": storageForget,
    cookies,
    "cookies set": cookiesSet,
    "cookies forget": cookiesForget,
    webhooks,
    "webhooks replay": webhooksReplay,
    "webhooks endpoints": webhooksEndpoints,
    "webhooks secret": webhooksSecret,
    "webhooks rotate-secret": webhooksRotateSecret,
    slack,
    "slack set": slackSet,
    "slack forget": slackForget,
  },
  "This installation": { doctor, backup, restore, completion },
  Operator: {
    keys,
    "keys create": keysCreate,
    "keys roll": keysRoll,
    "keys revoke": keysRevoke,
    "admin accounts": accounts,
    "admin accounts create": accountsCreate,
    "admin accounts limits": accountsLimits,
    "admin accounts rename": accountsRename,
    "admin accounts disable": accountsDisable,
    "admin accounts enable": accountsEnable,
    "admin accounts erase": accountsErase,
    "admin erasures": erasures,
    "admin denied": denied,
    "admin denied add": deniedAdd,
    "admin denied show": deniedShow,
    "admin denied takedown": deniedTakedown,
    "admin denied jobs": deniedJobs,
    "admin denied remove": deniedRemove,
    "admin usage": adminUsage,
    "admin cookies": adminCookies,
    "admin cookies set": adminCookiesSet,
    "admin cookies forget": adminCookiesForget,
    "admin audit": audit,
    "admin reseal": reseal,
  },
};

/** Every command by its name. */
export const COMMANDS: Commands = Object.assign({}, ...Object.values(COMMAND_GROUPS));

/** Other names of commands. */
export const ALIASES: Readonly<Record<string, string>> = {
  "admin keys": "keys",
  "admin keys list": "keys",
  "admin keys create": "keys create",
  "admin keys roll": "keys roll",
  "admin keys revoke": "keys revoke",
  "admin accounts list": "admin accounts",
  "admin cookies list": "admin cookies",
  "admin denied list": "admin denied",
  "cookies list": "cookies",
  "keys list": "keys",
  "storage show": "storage",
  "slack show": "slack",
  "subscriptions list": "subscriptions",
  "webhooks list": "webhooks",
};

/** The commands that begin with this word or these words. @example Object.keys(subcommandsOf("slack")) // ["slack set", "slack forget"] */
export const subcommandsOf = (words: string): Commands =>
  Object.fromEntries(Object.entries(COMMANDS).filter(([name]) => name.startsWith(`${words} `)));
