import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { listen } from "./ports.ts";

/** A webhook event as its endpoint received it. */
export interface ReceivedEvent {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The same for all attempts. */
  readonly eventId: string;
  readonly content: Readonly<Record<string, unknown>>;
}

/** An endpoint for webhook events on loopback. */
export interface WebhookReceiver {
  readonly url: string;
  /** `127.0.0.1:port`, as `ALLOWED_PRIVATE_HOSTS` wants it. */
  readonly host: string;
  /** Everything that was posted, including repeats, the newest last. */
  readonly received: readonly ReceivedEvent[];
  /** Resolves with the next response that is sent. */
  next(): Promise<unknown>;
  /** Resolves when the received events satisfy the condition. */
  until(condition: (received: readonly ReceivedEvent[]) => boolean): Promise<void>;
  close(): Promise<void>;
}

/** @param statusOf the response status for the webhook event with this number, from 1 */
export async function startWebhookReceiver(
  statusOf: (count: number) => number = () => 204,
): Promise<WebhookReceiver> {
  const received: ReceivedEvent[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { headers } = request;
    received.push({ headers, body, eventId: String(headers["webhook-id"]), content: JSON.parse(body) });
    const status = statusOf(received.length);
    response.writeHead(status, { connection: "close" }).end(() => server.emit("answered"));
  });
  const host = `127.0.0.1:${await listen(server)}`;
  const next = () => once(server, "answered");
  return {
    ...{ url: `http://${host}/in`, host, received, next },
    until: async (condition) => {
      while (!condition(received)) await next();
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
