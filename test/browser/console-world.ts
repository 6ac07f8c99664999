import { mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { type S3Server, startS3 } from "../support/s3-server.ts";
import { startTestStack, type TestStack } from "../support/test-stack.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../support/webhook-receiver.ts";

/** The stack that the console's pages are tested on, with a source, a storage and a webhook receiver. */
export interface ConsoleWorld {
  readonly stack: TestStack;
  readonly origin: Origin;
  readonly receiver: WebhookReceiver;
  readonly s3: S3Server;
  close(): Promise<void>;
}

/** A talk as the source serves it. */
export const TALK = { seconds: 6, width: 640, height: 360 } as const;

/** A feed whose entries have these titles, with one file each. */
export const feedOf = (url: string, titles: readonly string[]): Buffer =>
  Buffer.from(`<?xml version="1.0"?><rss version="2.0"><channel><title>${escapeXml("Talks of the year")}</title>
${titles
  .map(
    (title, index) =>
      `<item><title>${escapeXml(title)}</title><guid>${index}</guid><enclosure url="${url}/talk.mp4?${index}" type="video/mp4" length="1000"/></item>`,
  )
  .join("\n")}
</channel></rss>`);

const escapeXml = (text: string): string =>
  text.replace(/[<>&"]/g, (character) => `&#${character.charCodeAt(0)};`);

export async function startConsoleWorld(): Promise<ConsoleWorld> {
  const root = await mediaFolder({
    "talk.mp4": ["mp4", TALK],
    "podcast.mp3": ["audio-mp3", { seconds: 6 }],
  });
  const [origin, receiver, s3] = await Promise.all([
    startOrigin({ root }),
    startWebhookReceiver(),
    startS3(),
  ]);
  const hosts = [origin.host, receiver.host, new URL(s3.endpoint).host];
  const stack = await startTestStack({ env: { ALLOWED_PRIVATE_HOSTS: hosts.join(",") } });
  return {
    stack,
    origin,
    receiver,
    s3,
    close: async () => {
      await stack.stop();
      await Promise.all([origin.close(), receiver.close(), s3.close()]);
    },
  };
}
