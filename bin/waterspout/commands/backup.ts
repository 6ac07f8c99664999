import { createBackup } from "../../stack/backup/create-backup.ts";
import { restoreBackup } from "../../stack/backup/restore-backup.ts";
import { StackError } from "../../stack/errors.ts";
import type { Command } from "../command.ts";
import { CommandError } from "../failures/command-error.ts";
import { EXIT } from "../failures/exit-codes.ts";

/** `waterspout backup`: works on the state folder itself, so it needs no key. */
export const backup: Command = {
  summary: "Copy the state of this machine's installation into a new folder, while it runs",
  needs: "state",
  operands: ["<folder>"],
  examples: ["backup /backups/monday", "backup --state /var/lib/waterspout /backups/monday"],
  async run({ operands: [folder = ""] }, { stateDir, out }) {
    const facts = await createBackup(stateDir, folder).catch(asFileError);
    out.result(facts, () => `${facts.folder}: ${facts.databases} databases and ${facts.files} files`);
    return EXIT.ok;
  },
};

/** `waterspout restore`: the opposite, while nothing runs. */
export const restore: Command = {
  summary: "Put a backup into an empty state folder, while nothing runs on it",
  needs: "state",
  operands: ["<folder>"],
  options: { force: { help: "Replace a state that is there; it is moved aside, not removed" } },
  examples: ["restore /backups/monday", "restore --state /var/lib/waterspout --force /backups/monday"],
  async run(args, { stateDir, out }) {
    const [folder = ""] = args.operands;
    const facts = await Promise.resolve()
      .then(() => restoreBackup(folder, stateDir, args.flag("force")))
      .catch(asFileError);
    const former = facts.former === null ? "" : `\nThe former state is in ${facts.former}.`;
    out.result(
      { state: stateDir, created_at: facts.manifest.created_at, former: facts.former },
      () => `${stateDir} is as it was at ${facts.manifest.created_at}.${former}`,
    );
    return EXIT.ok;
  },
};

function asFileError(error: unknown): never {
  const isSystems = error instanceof Error && "code" in error;
  if (error instanceof StackError || isSystems) throw new CommandError(EXIT.local, (error as Error).message);
  throw error;
}
