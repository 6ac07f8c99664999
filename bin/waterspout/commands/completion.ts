import type { Command } from "../command.ts";
import { bashCompletion } from "../completion/bash.ts";
import { completedCommands } from "../completion/completed.ts";
import { fishCompletion } from "../completion/fish.ts";
import { zshCompletion } from "../completion/zsh.ts";
import { CommandError } from "../failures/command-error.ts";
import { EXIT } from "../failures/exit-codes.ts";

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;
const isShell = (name: string): name is keyof typeof SHELLS => Object.hasOwn(SHELLS, name);

export const completion: Command = {
  summary: "Print a script that completes commands in bash, zsh or fish",
  details:
    'Put the line for your shell into its start file: eval "$(waterspout completion bash)" into ~/.bashrc, eval "$(waterspout completion zsh)" behind compinit into ~/.zshrc, or waterspout completion fish | source into ~/.config/fish/config.fish.\n\nIt completes the command waterspout. With npx, define an alias first: alias waterspout="npx waterspout".',
  operands: ["<shell>"],
  needs: "state",
  examples: ["completion bash", "completion zsh > ~/.zfunc/_waterspout", "completion fish | source"],
  async run({ operands: [shell = ""] }, { commands, out }) {
    if (!isShell(shell)) {
      throw new CommandError(
        EXIT.usage,
        `The shell must be one of ${Object.keys(SHELLS).join(", ")}, not "${shell}"`,
      );
    }
    const script = SHELLS[shell](completedCommands(commands));
    out.result({ shell, script }, () => script.trimEnd());
    return EXIT.ok;
  },
};
