type Headers = Readonly<Record<string, string>>;

/** The same with names in lower case. */
export const lowerCased = (headers: Headers): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

const SECRET = /^(cookie|authorization)$/i;

/** True if the headers contain values that are meant for one host only. */
export const carriesSecrets = (headers: Headers): boolean =>
  Object.keys(headers).some((name) => SECRET.test(name));

/**
 * The headers for one resource of a stream. A playlist can name any host, so cookies and authorization only go to the
 * stream's own host.
 *
 * @param home the stream's own address, which the headers were made for
 */
export function headersFor(headers: Headers, home: string, url: string): Headers {
  if (!carriesSecrets(headers) || new URL(home).host === new URL(url).host) return headers;
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !SECRET.test(name)));
}
