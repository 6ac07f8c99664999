import { useEffect, useState } from "preact/hooks";

/** Where the person is: the part of the address behind `#`, which is never sent to the server. */
export interface Route {
  /** @example ["jobs", "0190…"] */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

export function parseHash(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  return { path: path.split("/").filter((part) => part !== ""), query: new URLSearchParams(query) };
}

/** @example href("jobs", { status: "failed" }) // "#/jobs?status=failed" */
export function href(path: string, query: Readonly<Record<string, string | undefined>> = {}): string {
  const pairs = Object.entries(query).filter((pair): pair is [string, string] => !!pair[1]);
  return `#/${path}${pairs.length > 0 ? `?${new URLSearchParams(pairs)}` : ""}`;
}

export const goTo = (address: string): void => {
  location.hash = address.replace(/^#/, "");
};

/** Changes the address without a new entry in the history and without an event: for filters. */
export const replaceHash = (address: string): void => history.replaceState(null, "", address);

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const follow = () => setHash(location.hash);
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return parseHash(hash);
}
