import { useState } from "preact/hooks";
import type { Subscription } from "../../../../../schema/api/subscriptions/subscription.ts";
import { useFormats } from "../../lib/format.ts";
import { goTo, href } from "../../lib/route.ts";
import { useSession } from "../../lib/session.ts";
import { useAction } from "../../lib/use-action.ts";
import { useCursor } from "../../lib/use-cursor.ts";
import { type Resource, useResource } from "../../lib/use-resource.ts";
import { useTexts } from "../../texts/texts.ts";
import { ErrorAlert } from "../../ui/alert.tsx";
import { useAnnounce } from "../../ui/announcer.tsx";
import { Confirm } from "../../ui/confirm.tsx";
import { CopyButton } from "../../ui/copy-button.tsx";
import { Facts } from "../../ui/facts.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Card, Empty, Page } from "../../ui/page.tsx";
import { Pager } from "../../ui/pager.tsx";
import { StatusBadge } from "../../ui/status-badge.tsx";
import { Table } from "../../ui/table.tsx";

/** One subscription: its state, its feed, what can be done with it, and its entries. */
export function SubscriptionPage({ id }: { readonly id: string }) {
  const words = useTexts().subscriptions;
  const { api } = useSession();
  const found = useResource(`subscription ${id}`, (signal) =>
    api.getSubscription({ params: { id }, signal }),
  );
  return (
    <Page title={found.data?.name ?? found.data?.title ?? words.one}>
      <p>
        <a href={href("subscriptions")}>{words.back}</a>
      </p>
      <Loaded resource={found}>
        {(subscription) => (
          <>
            <State subscription={subscription} resource={found} />
            <Entries id={id} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

interface StateProps {
  readonly subscription: Subscription;
  readonly resource: Resource<Subscription>;
}

function State({ subscription, resource }: StateProps) {
  const texts = useTexts();
  const words = texts.subscriptions;
  const write = useFormats();
  const { api } = useSession();
  const announce = useAnnounce();
  const [isAsked, setAsked] = useState(false);
  const { id, status, url, polled_at, next_poll_at, push, entries, last_error, feed_url } = subscription;
  const params = { id };
  const isPaused = status === "paused";
  const toggle = useAction(async () => {
    resource.replace(
      await (isPaused ? api.resumeSubscription({ params }) : api.pauseSubscription({ params })),
    );
  });
  const run = useAction(async () => {
    const { new_entries, error } = await api.runSubscription({ params });
    announce(error ?? words.ran(new_entries));
    resource.reload();
  });
  const remove = useAction(async () => {
    await api.removeSubscription({ params });
    goTo(href("subscriptions"));
  });
  return (
    <Card
      title={words.state}
      actions={
        <>
          <button type="button" disabled={run.isRunning} onClick={() => void run.run()}>
            {words.run}
          </button>
          <button type="button" disabled={toggle.isRunning} onClick={() => void toggle.run()}>
            {isPaused ? words.resume : words.pause}
          </button>
          <button type="button" class="danger" onClick={() => setAsked(true)}>
            {words.remove}
          </button>
        </>
      }
    >
      <ErrorAlert error={run.error ?? toggle.error} />
      <Facts
        rows={[
          [texts.jobs.status, <StatusBadge key="status" status={status} />],
          [
            words.source,
            <span key="url" class="breaking">
              {url}
            </span>,
          ],
          [words.polled, write.time(polled_at)],
          [words.next, write.time(next_poll_at)],
          [words.pushed, push ? texts.yes : texts.no],
          [words.delivered, write.count(entries.delivered)],
          [words.waiting, write.count(entries.waiting + entries.new + entries.queued)],
          [words.problem, last_error],
          [
            words.feed,
            <span key="feed" class="row">
              <span class="fine">{words.feedHelp}</span>
              <CopyButton value={feed_url} label={words.feed} />
            </span>,
          ],
        ]}
      />
      {isAsked && (
        <Confirm
          title={words.removeTitle}
          lead={words.removeLead}
          confirm={words.remove}
          dismiss={words.keep}
          isDangerous
          action={remove}
          onClose={() => setAsked(false)}
        />
      )}
    </Card>
  );
}

function Entries({ id }: { readonly id: string }) {
  const texts = useTexts();
  const words = texts.subscriptions;
  const write = useFormats();
  const { api } = useSession();
  const pages = useCursor(`entries ${id}`);
  const { cursor } = pages;
  const list = useResource(`entries ${id} ${cursor}`, (signal) =>
    api.listSubscriptionEntries({ params: { id }, query: cursor === undefined ? {} : { cursor }, signal }),
  );
  return (
    <Card title={words.entries}>
      <Loaded resource={list}>
        {({ entries, next_cursor }) =>
          entries.length === 0 ? (
            <Empty title={words.noEntries} />
          ) : (
            <>
              <Table
                label={words.entries}
                rows={entries}
                keyOf={(entry) => entry.id}
                columns={[
                  {
                    head: words.entry,
                    isName: true,
                    cell: ({ job_id, title, url }) =>
                      job_id === null ? (title ?? url) : <a href={href(`jobs/${job_id}`)}>{title ?? url}</a>,
                  },
                  { head: texts.jobs.status, cell: ({ status }) => <StatusBadge status={status} /> },
                  { head: words.published, cell: ({ published_at }) => write.time(published_at) },
                  { head: words.reason, cell: ({ reason }) => reason ?? texts.none },
                ]}
              />
              <Pager label={words.entries} onNewer={pages.newer} onOlder={pages.older(next_cursor)} />
            </>
          )
        }
      </Loaded>
    </Card>
  );
}
