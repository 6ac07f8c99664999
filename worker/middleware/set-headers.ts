import type { Context } from "hono";

/**
 * Sets headers of a response that is made already. `c.header()` would copy the whole response for each of them.
 *
 * @param c after `next()`
 */
export function setHeaders(c: Context, headers: Readonly<Record<string, string>>): void {
  try {
    writeHeaders(c.res, headers);
  } catch {
    // the headers of a response that came from elsewhere cannot be changed
    c.res = new Response(c.res.body, c.res);
    writeHeaders(c.res, headers);
  }
}

function writeHeaders(response: Response, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
}
