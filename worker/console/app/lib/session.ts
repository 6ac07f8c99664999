import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { PLATFORM } from "../../../../schema/client/platform.ts";
import { type Client, createClient } from "../../../../schema/client.ts";

/** The credentials of this tab. They are kept in memory, and in the tab's own storage if the person wants that. */
export interface Credentials {
  readonly apiKey?: string;
  readonly adminToken?: string;
}

const STORED_AT = "waterspout.credentials";

/** Credentials that this tab kept over a reload. */
export function storedCredentials(): Credentials {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(STORED_AT) ?? "{}");
    return typeof stored === "object" && stored !== null ? stored : {};
  } catch {
    return {};
  }
}

/** @param credentials null removes what is stored */
export function storeCredentials(credentials: Credentials | null): void {
  if (credentials === null) sessionStorage.removeItem(STORED_AT);
  else sessionStorage.setItem(STORED_AT, JSON.stringify(credentials));
}

/** What pages use to reach the server. */
export interface Session {
  readonly api: Client;
  readonly hasKey: boolean;
  readonly isOperator: boolean;
  /** `GET` of a route for the operator whose response is not JSON. */
  readonly adminText: (path: string, signal?: AbortSignal) => Promise<string>;
}

/**
 * A client of the server that this page comes from.
 *
 * @param onRefused a request with these credentials was answered with 401
 */
export function openSession(credentials: Credentials, onRefused: () => void): Session {
  const { apiKey, adminToken } = credentials;
  const fetchChecked = async (url: string, init: RequestInit): Promise<Response> => {
    const response = await fetch(url, { ...init, credentials: "omit" });
    if (response.status === 401) onRefused();
    return response;
  };
  return {
    api: createClient({
      url: location.origin,
      apiKey,
      adminToken,
      // a person is waiting, and can try again
      retry: { retries: 1, giveUpAfterMs: 15_000 },
      platform: { ...PLATFORM, fetch: fetchChecked },
    }),
    hasKey: apiKey !== undefined,
    isOperator: adminToken !== undefined,
    adminText: async (path, signal) => {
      const headers = { authorization: `Bearer ${adminToken}` };
      const response = await fetchChecked(path, { headers, ...(signal && { signal }) });
      if (!response.ok) throw new Error(`${path}: ${response.status}`);
      return response.text();
    },
  };
}

export const SessionContext = createContext<Session | null>(null);

/** The session of the person who is signed in. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("Nobody is signed in");
  return session;
}
