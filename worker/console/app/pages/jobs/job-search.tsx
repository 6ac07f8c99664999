import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { Job } from "../../../../../schema/api/job.ts";
import { useFormats } from "../../lib/format.ts";
import { useSession } from "../../lib/session.ts";
import { useTexts } from "../../texts/texts.ts";
import { ErrorAlert } from "../../ui/alert.tsx";
import { Loading } from "../../ui/loaded.tsx";
import { Empty } from "../../ui/page.tsx";
import { filterOf } from "./job-filter.ts";
import { JobTable } from "./job-table.tsx";

/** Jobs that one search goes through before it asks whether to continue. */
const SPAN = 500;
const PAGE = 100;

interface JobSearchProps {
  readonly text: string;
  readonly status: string;
  readonly batch: string;
}

/** Looks through the account's jobs, the newest first: the API has filters but no search. */
export function JobSearch({ text, status, batch }: JobSearchProps) {
  const { jobs: words } = useTexts();
  const write = useFormats();
  const { api } = useSession();
  const [found, setFound] = useState<readonly Job[]>([]);
  const [searched, setSearched] = useState(0);
  const [cursor, setCursor] = useState<string | null | undefined>(undefined);
  const [isSearching, setSearching] = useState(false);
  const [error, setError] = useState<unknown>();
  const abort = useRef(new AbortController());

  const search = useCallback(
    async (from: string | undefined) => {
      setSearching(true);
      setError(undefined);
      const { signal } = abort.current;
      try {
        let next: string | null | undefined = from;
        for (let seen = 0; seen < SPAN && next !== null; ) {
          const query = {
            limit: PAGE,
            ...filterOf(status, batch),
            ...(next !== undefined && { cursor: next }),
          };
          const page = await api.listJobs({ query, signal });
          seen += page.jobs.length;
          setFound((before) => [...before, ...page.jobs.filter((job) => matches(job, text))]);
          setSearched((before) => before + page.jobs.length);
          next = page.next_cursor;
          setCursor(next);
        }
      } catch (failure) {
        if (!signal.aborted) setError(failure);
      } finally {
        if (!signal.aborted) setSearching(false);
      }
    },
    [api, text, status, batch],
  );
  useEffect(() => {
    abort.current = new AbortController();
    void search(undefined);
    return () => abort.current.abort();
  }, [search]);

  return (
    <>
      <ErrorAlert error={error} onRetry={() => void search(cursor ?? undefined)} />
      {found.length > 0 && <JobTable jobs={found} label={words.title} />}
      {found.length === 0 && !isSearching && !error && <Empty title={words.noMatch} />}
      {isSearching ? (
        <Loading />
      ) : (
        <div class="pager">
          <span role="status">{words.searched(found.length, write.count(searched))}</span>
          {typeof cursor === "string" && (
            <button type="button" onClick={() => void search(cursor)}>
              {words.searchOlder}
            </button>
          )}
        </div>
      )}
    </>
  );
}

/** Whether it is the job's id, or all words of the search occur in what a person knows of the job. */
function matches({ id, title, url, s3_key, filename, folder }: Job, text: string): boolean {
  if (id === text.toLowerCase()) return true;
  const known = [title, url, s3_key, filename, folder].join("\n").toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => known.includes(word));
}
