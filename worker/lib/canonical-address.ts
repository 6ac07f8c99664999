/**
 * Addresses that lead to the same media, as far as addresses alone say so: scheme, `www.` and `m.`, a trailing dot or
 * slash, the order of parameters, fragments, passwords, and the way in which characters are encoded make no difference.
 */

/** Parameters by which visitors are tracked; they never select media. */
const TRACKING =
  /^(?:utm_\w*|fbclid|gclid|dclid|msclkid|igshid|igsh|mc_cid|mc_eid|si|feature|ref|ref_src|ref_url|source_ve_path)$/i;
/** Addresses with more parameters than this are not compared without some of them. */
const MAX_PARAMETERS = 6;

/** @example canonicalAddress(new URL("HTTP://www.Example.com:80/a/%7Eb/?y=2&x=1#top")) // "example.com/a/~b?x=1&y=2" */
export function canonicalAddress(url: URL): string {
  const port = url.port === "" || url.port === "80" || url.port === "443" ? "" : `:${url.port}`;
  const path = url.pathname
    .split("/")
    .filter((segment) => segment !== "")
    .map(normalised)
    .join("/");
  const query = parametersOf(url)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .sort()
    .join("&");
  return `${hostOf(url.hostname)}${port}/${path}${query === "" ? "" : `?${query}`}`;
}

/** Neither a phone's page nor a trailing dot is another site. */
const hostOf = (hostname: string): string => {
  const host = hostname.toLowerCase().replace(/\.$/, "");
  const short = host.replace(/^(?:www|m|mobile)\./, "");
  return short.includes(".") ? short : host;
};

function normalised(segment: string): string {
  try {
    return encodeURIComponent(decodeURIComponent(segment));
  } catch {
    return segment;
  }
}

const parametersOf = (url: URL): [string, string][] =>
  [...url.searchParams].filter(([name]) => !TRACKING.test(name));

/**
 * The address with every selection of its parameters, because a parameter that the site ignores makes another address of
 * the same media. The address of a site itself is never one of them.
 */
export function parameterSubsets(url: URL): URL[] {
  const parameters = parametersOf(url);
  const hasPath = url.pathname.replaceAll("/", "") !== "";
  const selections =
    parameters.length > MAX_PARAMETERS
      ? [parameters, ...parameters.map((parameter) => [parameter]), []]
      : Array.from({ length: 2 ** parameters.length }, (_, bits) =>
          parameters.filter((__, index) => (bits >> index) & 1),
        );
  return selections
    .filter((selection) => hasPath || selection.length > 0 || parameters.length === 0)
    .map((selection) => {
      const form = new URL(url);
      form.search = new URLSearchParams(selection).toString();
      return form;
    });
}
