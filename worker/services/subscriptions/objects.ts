import type { FeedObjects } from "../../context.ts";
import type { FeedRpc } from "../../env.ts";

/** One Durable Object for each source that is followed, named by the feed's id. */
export function createFeedObjects(namespace: DurableObjectNamespace<FeedRpc>): FeedObjects {
  const objectOf = (feedId: string) => namespace.get(namespace.idFromName(feedId));
  return {
    check: async (feedId) => objectOf(feedId).check(feedId),
    wake: async (feedId) => objectOf(feedId).wake(feedId),
    run: async (feedId) => objectOf(feedId).run(feedId),
    pushed: async (feedId, entries) => objectOf(feedId).pushed(feedId, entries),
    leased: async (feedId, until) => objectOf(feedId).leased(feedId, until),
    peek: async (feedId) => objectOf(feedId).peek(feedId),
  };
}
