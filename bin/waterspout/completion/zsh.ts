import type { Completed, Value } from "./completed.ts";

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** A name and its explanation, as `_describe` takes them. */
const described = (name: string, help: string): string =>
  quote(`${name.replaceAll(":", "\\:")}:${help.replaceAll(":", "\\:")}`);

/** The completion script for zsh, to be evaluated after `compinit`, or as a file `_waterspout` in `fpath`. */
export function zshCompletion(table: readonly Completed[]): string {
  const names = table.flatMap(({ name }) => (name === "" ? [] : [quote(name)]));
  return `#compdef waterspout
# zsh completion of waterspout: eval "$(waterspout completion zsh)"
_waterspout() {
  local called='' next='' option=\${words[CURRENT-1]}
  local -a found
  local -i i
  for ((i = 2; i < CURRENT; i++)); do
    next="\${called:+$called }\${words[i]}"
    case "$next" in
      (${names.join("|")}) called=$next ;;
      (*) break ;;
    esac
  done
  if [[ \${words[CURRENT]} == --*=* ]]; then
    option=\${words[CURRENT]%%=*}
    compset -P 1 '*='
  fi
  case "$called:$option" in
${table.flatMap(valueCases).join("\n")}
  esac
  if [[ \${words[CURRENT]} == -* ]]; then
    case "$called" in
${table.map(optionCase).join("\n")}
    esac
    _describe -o option found
    return
  fi
  case "$called" in
${table.flatMap(wordCase).join("\n")}
    (*) _files; return ;;
  esac
  _describe command found
}
if [[ "\${funcstack[1]}" == _waterspout ]]; then
  _waterspout "$@"
else
  compdef _waterspout waterspout
fi
`;
}

function valueCases({ name, options }: Completed): string[] {
  return options.flatMap(({ name: option, short, value }) => {
    if (value === "none") return [];
    const patterns = [`--${option}`, ...(short === undefined ? [] : [`-${short}`])];
    return [
      `    (${patterns.map((each) => quote(`${name}:${each}`)).join("|")}) ${actionOf(value)}return ;;`,
    ];
  });
}

function actionOf(value: Value): string {
  if (value === "file") return "_files; ";
  if (value === "folder") return "_files -/; ";
  return typeof value === "string" ? "" : `compadd -- ${value.choices.join(" ")}; `;
}

function optionCase({ name, options }: Completed): string {
  const found = options.flatMap(({ name: option, short, help }) => [
    described(`--${option}`, help),
    ...(short === undefined ? [] : [described(`-${short}`, help)]),
  ]);
  return `      (${quote(name)}) found=(${found.join(" ")}) ;;`;
}

function wordCase({ name, words }: Completed): string[] {
  if (words.length === 0) return [];
  return [`    (${quote(name)}) found=(${words.map(([word, help]) => described(word, help)).join(" ")}) ;;`];
}
