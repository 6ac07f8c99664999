import type { Completed, Value } from "./completed.ts";

const quote = (text: string): string => `"${text}"`;

/** The completion script for bash 3.2 or newer. */
export function bashCompletion(table: readonly Completed[]): string {
  const names = table.flatMap(({ name }) => (name === "" ? [] : [quote(name)]));
  return `# bash completion of waterspout: eval "$(waterspout completion bash)"
_waterspout() {
  local cur=\${COMP_WORDS[COMP_CWORD]} option=\${COMP_WORDS[COMP_CWORD-1]} called="" next i
  COMPREPLY=()
  # bash takes --option=value apart
  if [[ $cur == "=" ]]; then
    cur=""
  elif [[ $option == "=" ]]; then
    option=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    next="\${called:+$called }\${COMP_WORDS[i]}"
    case "$next" in
      ${names.join("|")}) called=$next ;;
      *) break ;;
    esac
  done
  case "$called:$option" in
${table.flatMap(valueCases).join("\n")}
  esac
  if [[ $cur == -* ]]; then
    case "$called" in
${table.map(({ name, options }) => `      ${quote(name)}) next=${quote(options.flatMap(spellings).join(" "))} ;;`).join("\n")}
      *) next="" ;;
    esac
    COMPREPLY=($(compgen -W "$next" -- "$cur"))
    return
  fi
  case "$called" in
${table.flatMap(wordCase).join("\n")}
  esac
}
complete -F _waterspout waterspout
`;
}

const spellings = ({ name, short }: Completed["options"][number]): string[] => [
  `--${name}`,
  ...(short === undefined ? [] : [`-${short}`]),
];

/** Options with the same values share a line. */
function valueCases({ name, options }: Completed): string[] {
  const patterns = new Map<string, string[]>();
  for (const option of options) {
    if (option.value === "none") continue;
    const action = actionOf(option.value);
    const own = spellings(option).map((spelling) => quote(`${name}:${spelling}`));
    patterns.set(action, [...(patterns.get(action) ?? []), ...own]);
  }
  return [...patterns].map(([action, own]) => `    ${own.join("|")}) ${action}return ;;`);
}

const FILES = "compopt -o filenames 2>/dev/null; ";

function actionOf(value: Value): string {
  if (value === "file") return `COMPREPLY=($(compgen -f -- "$cur")); ${FILES}`;
  if (value === "folder") return `COMPREPLY=($(compgen -d -- "$cur")); ${FILES}`;
  if (typeof value === "string") return "";
  return `COMPREPLY=($(compgen -W ${quote(value.choices.join(" "))} -- "$cur")); `;
}

function wordCase({ name, words, takesFile }: Completed): string[] {
  if (takesFile) return [`    ${quote(name)}) ${actionOf("file")};;`];
  if (words.length === 0) return [];
  const choices = words.map(([word]) => word);
  return [`    ${quote(name)}) ${actionOf({ choices })};;`];
}
