import { z } from "zod";

/**
 * Exits: the addresses from which sources are asked. One is the processor's own address (`direct`), the others are
 * proxies of the operator. The Worker chooses one for each run; the processor uses it.
 */

/** Name of the processor's own address, as an exit. */
export const DIRECT = "direct";

/** Replaced for each run, for providers that give each session an address of its own. */
export const SESSION_MARK = "{session}";

const PROTOCOLS: ReadonlySet<string> = new Set(["http:", "https:", "socks5:", "socks5h:"]);

/** True for a proxy's URL that the processor can use, with or without a name and password. */
export function isProxyUrl(text: string): boolean {
  const url = text.replaceAll(SESSION_MARK, "session");
  if (!URL.canParse(url)) return false;
  const { protocol, hostname, pathname, search, hash } = new URL(url);
  const isBare = (pathname === "" || pathname === "/") && search === "" && hash === "";
  return PROTOCOLS.has(protocol) && hostname !== "" && isBare;
}

/** @example "de-1" */
export const ExitName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, "must be 1 to 40 lower-case letters, digits or hyphens");

/** ISO 3166-1, two letters. */
export const Country = z
  .string()
  .trim()
  .toUpperCase()
  .regex(/^[A-Z]{2}$/, "must be an ISO 3166-1 country code of two letters");

const ProxyUrl = z
  .string()
  .max(2048)
  .refine(
    (text) => text === DIRECT || isProxyUrl(text),
    "must be direct, or an http, https or socks5 URL of a proxy without a path",
  );

/** One exit, as `EXITS` and `POST /admin/exits` take it. */
export const ExitSetting = z.strictObject({
  name: ExitName,
  url: ProxyUrl,
  country: Country.nullable().default(null),
  cost_per_gb: z.number().min(0).max(1_000_000).default(0),
  max_runs: z.int().min(1).max(10_000).nullable().default(null),
});
export type ExitSetting = z.output<typeof ExitSetting>;

/** Why a list of exits is refused; the message never holds a URL. */
export class ExitsError extends Error {
  override readonly name = "ExitsError";
}

/**
 * Reads `EXITS`: a JSON list, or proxies separated by commas as the short form.
 *
 * @throws ExitsError
 * @example parseExits("direct,socks5://user:password@proxy.example:1080") // exits "direct" and "proxy-1"
 */
export function parseExits(text: string): readonly ExitSetting[] {
  const exits = text.trimStart().startsWith("[") ? fromJson(text) : fromList(text);
  const names = exits.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw new ExitsError(`names the exit ${twice} twice`);
  const wrong = exits.find(({ name, url }) => (name === DIRECT) !== (url === DIRECT));
  if (wrong) throw new ExitsError(`must name the exit with the URL ${DIRECT} ${DIRECT}, and only that one`);
  return exits;
}

function fromJson(text: string): ExitSetting[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new ExitsError("is not valid JSON");
  }
  const parsed = z.array(ExitSetting).max(200).safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ExitsError(`is wrong at ${issue?.path.join(".") || "its root"}: ${issue?.message}`);
}

function fromList(text: string): ExitSetting[] {
  let proxies = 0;
  return text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "")
    .map((url) => {
      const name = url === DIRECT ? DIRECT : `proxy-${++proxies}`;
      const parsed = ExitSetting.safeParse({ name, url });
      if (!parsed.success) throw new ExitsError("must be http, https or socks5 URLs, separated by commas");
      return parsed.data;
    });
}

/** How a run fared with an exit: `served`, `unreachable` (the proxy itself failed), or the code of the failure. */
export const ExitResult = z.object({
  exit: z.string().max(100),
  result: z.string().max(40),
  /** Only the media was fetched this way, directly instead of through the run's exit. */
  media: z.boolean().default(false),
});
export type ExitResult = z.output<typeof ExitResult>;

/** Where media is fetched from, in relation to the extraction. */
export const MEDIA_EXITS = ["auto", "same"] as const;

/** The site was served. */
export const SERVED = "served";
/** The exit's proxy failed; the site was not asked. */
export const UNREACHABLE = "unreachable";
