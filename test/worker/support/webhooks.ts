import { Webhook } from "standardwebhooks";
import { vi } from "vitest";
import type { Harness } from "./harness.ts";
import type { Post } from "./scripted-network.ts";

/** Where tests have their webhook events posted. */
export const hook = "https://hooks.example.com/in";

export const signingSecret = async (worker: Harness, key: string): Promise<string> =>
  (await worker.json<{ webhook_signing_secret: string }>("GET", "/user/webhook-secret", { key }))
    .webhook_signing_secret;

export function lastPost({ network }: Harness): Post {
  const post = network.posts.at(-1);
  if (!post) throw new Error("nothing was posted");
  return post;
}

export const bodyOf = ({ body }: Post) => JSON.parse(body) as Record<string, unknown>;

/** What a receiver does with a webhook event that arrives now; the date must be a fake one. */
export function verifyAt(now: number, post: Post, secret: string): unknown {
  vi.setSystemTime(now);
  return new Webhook(secret).verify(post.body, Object.fromEntries(post.headers));
}

/** Runs a job to its end; its webhook event is written and not yet sent. */
export async function endJob(
  worker: Harness,
  key: string,
  outcome: object,
  request: Record<string, unknown>,
): Promise<string> {
  const run = await worker.start(key, request);
  await worker.report(run, "outcome", outcome);
  return run.job_id;
}
