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

/** Jobs that a search shows before it asks whether to continue. */
const PAGE = 100;
/** Pages without a hit that it goes through until then; each looks through 2,000 jobs. */
const PAGES = 10;

interface JobSearchProps {
  readonly text: string;
  readonly status: string;
  readonly batch: string;
}

/** Jobs that contain the words, the newest first; older ones on demand. */
export function JobSearch({ text, status, batch }: JobSearchProps) {
  const { jobs: words } = useTexts();
  const write = useFormats();
  const { api } = useSession();
  const [found, setFound] = useState<readonly Job[]>([]);
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
        let shown = 0;
        for (let page = 0; page < PAGES && shown < PAGE && next !== null; page++) {
          const query = {
            ...{ limit: PAGE, search: text, ...filterOf(status, batch) },
            ...(next !== undefined && { cursor: next }),
          };
          const { jobs, next_cursor } = await api.listJobs({ query, signal });
          shown += jobs.length;
          setFound((before) => [...before, ...jobs]);
          next = next_cursor;
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
          <span role="status">
            {cursor === null
              ? words.found(write.count(found.length))
              : words.foundSoFar(write.count(found.length))}
          </span>
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
