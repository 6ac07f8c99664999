import { useState } from "preact/hooks";
import type { Job } from "../../../../schema/api/job.ts";
import type { Batch } from "../../../../schema/client.ts";
import { useFormats } from "../lib/format.ts";
import { href } from "../lib/route.ts";
import { useSession } from "../lib/session.ts";
import { useAction } from "../lib/use-action.ts";
import { useReloadOn } from "../lib/use-reload-on.ts";
import { useResource } from "../lib/use-resource.ts";
import { useTexts } from "../texts/texts.ts";
import { Alert, ErrorAlert } from "../ui/alert.tsx";
import { useAnnounce } from "../ui/announcer.tsx";
import { Loaded } from "../ui/loaded.tsx";
import { Card } from "../ui/page.tsx";
import { StatusBadge } from "../ui/status-badge.tsx";
import { Table } from "../ui/table.tsx";
import { titleOf } from "./jobs/job-table.tsx";

/** Entries that are shown at first, and added with each click. */
const SHOWN = 100;

interface BatchEntriesProps {
  readonly batch: Batch;
  /** Counts the events of the batch: each one may have changed an entry. */
  readonly changes: number;
}

/** The jobs of a batch in their source's order; while it is paused, their files can be renamed. */
export function BatchEntries({ batch, changes }: BatchEntriesProps) {
  const texts = useTexts();
  const words = texts.batch;
  const write = useFormats();
  const { api } = useSession();
  const [shown, setShown] = useState(SHOWN);
  const [names, setNames] = useState<Readonly<Record<string, string>>>({});
  const isPaused = batch.status === "paused";
  const entries = useResource(`entries ${batch.id} ${shown} ${batch.status}`, async (signal) => {
    const found: Job[] = [];
    // ids are in the order of the list, and jobs are listed from a cursor backwards
    const cursor = batch.episode_jobs[shown];
    const query = { batch_id: batch.id, limit: 100, ...(cursor === undefined ? {} : { cursor }) };
    for await (const job of api.each("listJobs", { query, signal })) {
      found.push(job);
      if (found.length >= Math.min(shown, batch.episode_jobs.length)) break;
    }
    const place = new Map(batch.episode_jobs.map((id, index) => [id, index]));
    return found.sort((a, b) => (place.get(a.id) ?? 0) - (place.get(b.id) ?? 0)).slice(0, shown);
  });
  useReloadOn(changes, entries.reload);
  return (
    <Card title={isPaused ? words.rename : words.entries}>
      {isPaused && <p class="fine">{words.renameLead}</p>}
      <Loaded resource={entries}>
        {(jobs) => (
          <>
            <Table
              label={words.entries}
              rows={jobs}
              keyOf={({ id }) => id}
              columns={[
                {
                  head: words.order,
                  isNumber: true,
                  cell: ({ id }) => write.count(batch.episode_jobs.indexOf(id) + 1),
                },
                {
                  head: texts.jobs.media,
                  isName: true,
                  cell: (job) => (
                    <div class="media">
                      <a href={href(`jobs/${job.id}`)}>{titleOf(job, texts.jobs.untitled)}</a>
                      {job.error !== null && <span class="fine">{job.error}</span>}
                    </div>
                  ),
                },
                isPaused
                  ? {
                      head: texts.fields.filename[0] ?? "",
                      cell: (job) => (
                        <input
                          aria-label={words.nameOf(titleOf(job, texts.jobs.untitled))}
                          value={names[job.id] ?? filenameOf(job)}
                          onInput={(event) => setNames({ ...names, [job.id]: event.currentTarget.value })}
                        />
                      ),
                    }
                  : {
                      head: texts.jobs.size,
                      isNumber: true,
                      cell: ({ file_size }) => write.bytes(file_size),
                    },
                {
                  head: texts.jobs.status,
                  cell: ({ status, progress }) => (
                    <div class="state">
                      <StatusBadge status={status} />
                      {status === "Processing" && (
                        <progress max={100} value={progress} aria-label={texts.jobs.progress} />
                      )}
                    </div>
                  ),
                },
              ]}
            />
            {isPaused && <SaveNames batch={batch} names={names} jobs={jobs} onSaved={entries.reload} />}
            {batch.total_episodes > shown && (
              <button type="button" onClick={() => setShown(shown + SHOWN)}>
                {texts.loadMore}
              </button>
            )}
          </>
        )}
      </Loaded>
    </Card>
  );
}

interface SaveNamesProps {
  readonly batch: Batch;
  readonly names: Readonly<Record<string, string>>;
  readonly jobs: readonly Job[];
  readonly onSaved: () => void;
}

function SaveNames({ batch, names, jobs, onSaved }: SaveNamesProps) {
  const { batch: words } = useTexts();
  const { api } = useSession();
  const announce = useAnnounce();
  const [refused, setRefused] = useState<readonly string[]>([]);
  const renames = jobs.flatMap((job) => {
    const filename = names[job.id];
    return filename === undefined || filename === filenameOf(job) ? [] : [{ job_id: job.id, filename }];
  });
  const save = useAction(async () => {
    const { updated, errors } = await api.renameJobs({ params: { id: batch.id }, body: { renames } });
    setRefused(errors);
    announce(words.renamed(updated));
    onSaved();
  });
  return (
    <>
      {refused.length > 0 && (
        <Alert tone="warn">
          <ul>
            {refused.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
        </Alert>
      )}
      <ErrorAlert error={save.error} />
      <div class="row">
        <button
          type="button"
          class="primary"
          disabled={renames.length === 0 || save.isRunning}
          onClick={() => void save.run()}
        >
          {words.saveNames}
        </button>
      </div>
    </>
  );
}

const filenameOf = ({ filename }: Job): string => (typeof filename === "string" ? filename : "");
