import type { Server } from "node:http";
import { createAdaptorServer } from "@hono/node-server";
import { PodcastServices } from "./podcast-services.ts";
import type { PodcastShow } from "./podcast-shows.ts";
import { listen } from "./ports.ts";

export interface RunningPodcastServices {
  readonly services: PodcastServices;
  /** `http://127.0.0.1:port`, no slash at the end. */
  readonly url: string;
  /** `127.0.0.1:port`, as `ALLOWED_PRIVATE_HOSTS` wants it. */
  readonly host: string;
  close(): Promise<void>;
}

/**
 * The podcast doubles as a real web server on loopback, for stacks and benchmarks: give a stack `services.variables`
 * and `ALLOWED_PRIVATE_HOSTS=host`.
 *
 * @param media the content at every episode's address
 */
export async function startPodcastServices(
  shows: readonly PodcastShow[],
  media?: Uint8Array<ArrayBuffer>,
): Promise<RunningPodcastServices> {
  let url = "";
  const services = new PodcastServices(shows, () => url, media);
  const server = createAdaptorServer({ fetch: services.handle }) as Server;
  const host = `127.0.0.1:${await listen(server)}`;
  url = `http://${host}`;
  return {
    services,
    url,
    host,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
