import type { Completed, CompletedOption } from "./completed.ts";

const quote = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

/** The completion script for fish 3 or newer. */
export function fishCompletion(table: readonly Completed[]): string {
  const names = table.flatMap(({ name }) => (name === "" ? [] : [quote(name)]));
  return `# fish completion of waterspout: waterspout completion fish | source
set -g __waterspout_names ${names.join(" ")}
function __waterspout_is
    set -l called
    for word in (commandline -opc)[2..-1]
        set -l next (string join ' ' -- $called $word)
        contains -- "$next" $__waterspout_names; or break
        set called $next
    end
    test "$called" = "$argv[1]"
end
complete -c waterspout -f
${table.flatMap(linesOf).join("\n")}
`;
}

function linesOf({ name, words, options, takesFile }: Completed): string[] {
  const when = `complete -c waterspout -n ${quote(`__waterspout_is ${quote(name)}`)}`;
  return [
    ...words.map(([word, help]) => `${when} -a ${quote(word)} -d ${quote(help)}`),
    ...(takesFile ? [`${when} -F`] : []),
    ...options.map((option) => `${when} ${optionArguments(option)}`),
  ];
}

function optionArguments({ name, short, help, value }: CompletedOption): string {
  const letter = short === undefined ? "" : `-s ${short} `;
  return `-l ${name} ${letter}${valueArguments(value)}-d ${quote(help)}`;
}

function valueArguments(value: CompletedOption["value"]): string {
  if (value === "none") return "";
  if (value === "file") return "-r -F ";
  if (value === "folder") return "-x -a '(__fish_complete_directories)' ";
  return value === "text" ? "-x " : `-x -a ${quote(value.choices.join(" "))} `;
}
