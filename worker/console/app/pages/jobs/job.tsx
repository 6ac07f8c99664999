import { useEffect, useState } from "preact/hooks";
import type { Job, JobProgress } from "../../../../../schema/api/job.ts";
import { isFinal } from "../../../../../schema/states.ts";
import { adviceFor } from "../../lib/error-text.ts";
import { useFormats } from "../../lib/format.ts";
import { href } from "../../lib/route.ts";
import { useSession } from "../../lib/session.ts";
import { useResource } from "../../lib/use-resource.ts";
import { textOr, useTexts } from "../../texts/texts.ts";
import { Adjustments } from "../../ui/adjustments.tsx";
import { Alert, ErrorAlert } from "../../ui/alert.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Card, Page } from "../../ui/page.tsx";
import { StatusBadge } from "../../ui/status-badge.tsx";
import { JobActions } from "./job-actions.tsx";
import { JobFacts } from "./job-facts.tsx";
import { titleOf } from "./job-table.tsx";
import { Player } from "./player.tsx";

export function JobPage({ id }: { readonly id: string }) {
  const texts = useTexts();
  const words = texts.job;
  const { api } = useSession();
  const resource = useResource(`job ${id}`, (signal) => api.getJob({ params: { id }, signal }));
  const { data: job, reload } = resource;
  const live = useProgress(job, reload);
  return (
    <Page
      title={job ? titleOf(job, texts.jobs.untitled) : words.title}
      back={{ href: href("jobs"), text: words.back }}
      actions={job && <JobActions job={job} onChange={reload} />}
    >
      <Loaded resource={resource}>
        {(found) => (
          <>
            <Progress job={found} live={live.progress} />
            <ErrorAlert error={live.error} />
            <Failure job={found} />
            {found.file_replaced_by !== null && (
              <Alert tone="warn">
                {words.replaced} <a href={href(`jobs/${found.file_replaced_by}`)}>{words.replacedLink}</a>
              </Alert>
            )}
            {found.s3_url !== null && <Player job={found} />}
            <JobFacts job={found} />
            {found.adjustments.length > 0 && (
              <section class="card">
                <Adjustments title={words.adjustments} adjustments={found.adjustments} />
              </section>
            )}
            <details class="plain">
              <summary>{words.raw}</summary>
              <pre>{JSON.stringify(found, null, 2)}</pre>
            </details>
          </>
        )}
      </Loaded>
    </Page>
  );
}

/** Follows the events of a job that is not final; at the end, the job is loaded again. */
function useProgress(job: Job | undefined, onEnd: () => void) {
  const { api } = useSession();
  const [progress, setProgress] = useState<JobProgress | null>(null);
  const [error, setError] = useState<unknown>();
  const id = job && !isFinal(job.status) ? job.id : null;
  useEffect(() => {
    if (id === null) return;
    const abort = new AbortController();
    const follow = async () => {
      for await (const next of api.watchJob(id, { signal: abort.signal })) setProgress(next);
      onEnd();
    };
    follow().catch((failure: unknown) => {
      if (!abort.signal.aborted) setError(failure);
    });
    return () => abort.abort();
  }, [id, api, onEnd]);
  return { progress, error };
}

function Progress({ job, live }: { readonly job: Job; readonly live: JobProgress | null }) {
  const texts = useTexts();
  const write = useFormats();
  const { status, step, progress } = isFinal(job.status) || !live ? job : live;
  const speed = live?.download_speed_mbps;
  return (
    <Card
      title={texts.jobs.status}
      actions={
        <>
          {!isFinal(status) && <span class="live">{texts.job.live}</span>}
          <StatusBadge status={status} />
        </>
      }
    >
      {!isFinal(status) && (
        <>
          <progress class="large" max={100} value={progress} aria-label={texts.jobs.progress} />
          <p class="row spread" role="status">
            <span>{textOr(texts.step, step)}</span>
            <span>
              {write.percent(progress / 100)}
              {speed ? ` · ${write.count(Math.round(speed * 10) / 10)} MB/s` : ""}
            </span>
          </p>
          {job.error !== null && (
            <p class="fine">
              {job.error} ({texts.job.nextTry}: {write.time(job.next_try_at)})
            </p>
          )}
        </>
      )}
      {isFinal(status) && (
        <p>
          {textOr(texts.step, step)}, {write.time(job.finished_at)}
        </p>
      )}
    </Card>
  );
}

/** Why a job failed, and what a person can do. */
function Failure({ job }: { readonly job: Job }) {
  const texts = useTexts();
  if (!isFinal(job.status) || job.status === "Completed" || job.error === null) return null;
  const advice = adviceFor(job.error_code, texts);
  return (
    <Alert tone={job.status === "Failed" ? "bad" : "warn"} title={job.error}>
      <p>
        <strong>{texts.job.whatToDo}:</strong> {advice}
      </p>
      {job.error_code !== null && (
        <p class="fine">
          <code>{job.error_code}</code>
          {job.error_code === "upload_refused" && (
            <>
              {" · "}
              <a href={href("storage")}>{texts.nav.storage}</a>
            </>
          )}
        </p>
      )}
    </Alert>
  );
}
