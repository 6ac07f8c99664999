import { useEffect, useState } from "preact/hooks";
import type { Batch } from "../../../../schema/client.ts";
import { useFormats } from "../lib/format.ts";
import { href } from "../lib/route.ts";
import { useSession } from "../lib/session.ts";
import { useAction } from "../lib/use-action.ts";
import { useResource } from "../lib/use-resource.ts";
import { textOr, useTexts } from "../texts/texts.ts";
import { Alert, ErrorAlert } from "../ui/alert.tsx";
import { useAnnounce } from "../ui/announcer.tsx";
import { ConfirmButton } from "../ui/confirm.tsx";
import { Loaded } from "../ui/loaded.tsx";
import { Card, Page } from "../ui/page.tsx";
import { StatusBadge } from "../ui/status-badge.tsx";
import { Tiles } from "../ui/tiles.tsx";
import { BatchEntries } from "./batch-entries.tsx";

export function BatchPage({ id }: { readonly id: string }) {
  const texts = useTexts();
  const words = texts.batch;
  const { api } = useSession();
  const resource = useResource(`batch ${id}`, (signal) => api.getBatch({ params: { id }, signal }));
  const { data: batch, reload } = resource;
  const live = useBatchEvents(batch, reload);
  return (
    <Page
      title={batch ? (batch.title ?? textOr(texts.batches.kind, batch.kind)) : words.title}
      back={{ href: href("batches"), text: words.back }}
      actions={batch && <BatchActions batch={batch} onChange={reload} />}
    >
      <Loaded resource={resource}>
        {(found) => (
          <>
            <Counters batch={{ ...found, ...live.counters }} />
            <ListNote batch={{ ...found, ...live.counters }} />
            <ErrorAlert error={live.error} />
            <BatchEntries batch={found} changes={live.changes} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

/** Follows the events of a batch that is running; at its end, it is loaded again. */
function useBatchEvents(batch: Batch | undefined, onEnd: () => void) {
  const { api } = useSession();
  const [counters, setCounters] = useState<Partial<Batch>>({});
  const [changes, setChanges] = useState(0);
  const [error, setError] = useState<unknown>();
  const id = batch && ["processing", "listing"].includes(batch.status) ? batch.id : null;
  useEffect(() => {
    if (id === null) return;
    const abort = new AbortController();
    const follow = async () => {
      for await (const { event, data } of api.watchBatch(id, { signal: abort.signal })) {
        setChanges((count) => count + 1);
        if (event !== "job") setCounters(data as Partial<Batch>);
      }
      setCounters({});
      onEnd();
    };
    follow().catch((failure: unknown) => {
      if (!abort.signal.aborted) setError(failure);
    });
    return () => abort.abort();
  }, [id, api, onEnd]);
  return { counters, changes, error };
}

function Counters({ batch }: { readonly batch: Batch }) {
  const texts = useTexts();
  const words = texts.batch;
  const write = useFormats();
  const { completed_episodes, failed_episodes, skipped_episodes, processing_episodes, pending_episodes } =
    batch;
  return (
    <Card title={texts.jobs.status} actions={<StatusBadge status={batch.status} />}>
      <progress
        class="large"
        max={batch.total_episodes}
        value={completed_episodes + failed_episodes + skipped_episodes}
        aria-label={texts.jobs.progress}
      />
      <Tiles
        label={words.entries}
        tiles={[
          [words.completed, write.count(completed_episodes)],
          [words.failed, write.count(failed_episodes)],
          [words.skipped, write.count(skipped_episodes)],
          [words.active, write.count(processing_episodes)],
          [words.waiting, write.count(pending_episodes)],
        ]}
      />
    </Card>
  );
}

/** How far the list was read, if not to its end. */
function ListNote({ batch }: { readonly batch: Batch }) {
  const { batch: words } = useTexts();
  if (batch.list_complete) return null;
  const isListing = batch.status === "listing";
  return (
    <Alert
      tone={isListing ? "info" : "bad"}
      title={isListing ? words.listed(batch.total_episodes) : words.incomplete}
    >
      {batch.list_error}
    </Alert>
  );
}

interface BatchActionsProps {
  readonly batch: Batch;
  readonly onChange: () => void;
}

function BatchActions({ batch, onChange }: BatchActionsProps) {
  const { batch: words } = useTexts();
  const { api } = useSession();
  const announce = useAnnounce();
  const params = { id: batch.id };
  const start = useAction(async () => {
    const { started_jobs } = await api.startBatch({ params });
    announce(words.started(started_jobs));
    onChange();
  });
  const isOver = batch.status === "completed" || batch.status === "finished";
  return (
    <>
      <ErrorAlert error={start.error} />
      {(batch.status === "paused" || (batch.status === "listing" && batch.started_at === null)) && (
        <button type="button" class="primary" disabled={start.isRunning} onClick={() => void start.run()}>
          {words.start}
        </button>
      )}
      {!isOver && (
        <ConfirmButton
          title={words.cancelTitle}
          lead={words.cancelLead}
          confirm={words.cancelAll}
          dismiss={words.keep}
          isDangerous
          work={async () => {
            const { cancelled_jobs } = await api.cancelBatch({ params });
            announce(words.cancelledJobs(cancelled_jobs));
            onChange();
          }}
        />
      )}
    </>
  );
}
