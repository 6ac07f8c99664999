import type { Recognised } from "./listing.ts";

/** What a URL asks for. @param batch the caller wants the entries of a list, whatever the site */
export function recognise(url: string, batch: boolean): Recognised {
  return batch ? { type: "playlist", url } : { type: "media" };
}
