/** Variables by name, as the operating system gives them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What programs need from their machine: paths, languages, certificates, proxies. */
const SYSTEM_VARIABLES = [
  "PATH",
  "HOME",
  "USER",
  "SHELL",
  "TMPDIR",
  "TZ",
  "LANG",
  "LC_ALL",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "NODE_EXTRA_CA_CERTS",
  "NODE_OPTIONS",
] as const;

/** The machine's variables only, so that no secret in the person's shell reaches a process that does not need it. */
export const systemEnvironment = (env: Environment): Record<string, string> => pick(env, SYSTEM_VARIABLES);

/** The variables with these names that are set and not empty. */
export function pick(env: Environment, names: readonly string[]): Record<string, string> {
  const set = names.flatMap((name) => (env[name] ? [[name, env[name]] as const] : []));
  return Object.fromEntries(set);
}

/**
 * Variables as the text of an env file. Values are quoted and not expanded, so that they are read exactly as they are.
 *
 * @throws Error if a value contains all three kinds of quotes
 * @example formatEnvFile({ NAME: "a b" }) // "NAME='a b'\n"
 */
export function formatEnvFile(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `${name}=${quoted(name, value)}\n`)
    .join("");
}

function quoted(name: string, value: string): string {
  // Double quotes come last, because only they interpret `\n`.
  const quote = ["'", "`", '"'].find((mark) => !value.includes(mark));
  if (quote === undefined) throw new Error(`${name} holds ', " and \`: an env file cannot carry that`);
  return `${quote}${value.replaceAll("$", "\\$")}${quote}`;
}
