import { useEffect, useState } from "preact/hooks";
import { isFinal, STATUSES } from "../../../../../schema/states.ts";
import { useFormats } from "../../lib/format.ts";
import { goTo, href } from "../../lib/route.ts";
import { useSession } from "../../lib/session.ts";
import { useCursor } from "../../lib/use-cursor.ts";
import { useResource } from "../../lib/use-resource.ts";
import { textOr, useTexts } from "../../texts/texts.ts";
import { Labelled } from "../../ui/field.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Empty, Page } from "../../ui/page.tsx";
import { Pager } from "../../ui/pager.tsx";
import { filterOf } from "./job-filter.ts";
import { JobSearch } from "./job-search.tsx";
import { JobTable } from "./job-table.tsx";

const PAGE = 25;
const POLL_MS = 4_000;
/** After this pause in typing the search begins. */
const TYPING_MS = 300;

export function JobsPage({ query }: { readonly query: URLSearchParams }) {
  const texts = useTexts();
  const words = texts.jobs;
  const [status, batch, search] = [
    query.get("status") ?? "",
    query.get("batch") ?? "",
    query.get("search") ?? "",
  ];
  const filterBy = (changes: { status?: string; batch?: string; search?: string }) =>
    goTo(href("jobs", { status, batch, search, ...changes }));
  return (
    <Page
      title={words.title}
      actions={
        <a class="button primary" href={href("new")}>
          {texts.nav.create}
        </a>
      }
    >
      <search class="filters">
        <SearchField value={search} onSearch={(text) => filterBy({ search: text })} />
        <Labelled label={words.status}>
          {(ids) => (
            <select
              {...ids}
              value={status}
              onChange={(event) => filterBy({ status: event.currentTarget.value })}
            >
              <option value="">{words.anyStatus}</option>
              {STATUSES.map((name) => (
                <option key={name} value={name}>
                  {textOr(texts.status, name)}
                </option>
              ))}
            </select>
          )}
        </Labelled>
        {batch !== "" && <p class="filter">{words.ofBatch}</p>}
        {(batch || status || search) && <a href={href("jobs")}>{words.clearFilters}</a>}
      </search>
      {search === "" ? (
        <JobList status={status} batch={batch} />
      ) : (
        <JobSearch key={`${search} ${status} ${batch}`} text={search} status={status} batch={batch} />
      )}
    </Page>
  );
}

function SearchField({
  value,
  onSearch,
}: {
  readonly value: string;
  readonly onSearch: (text: string) => void;
}) {
  const { jobs: words } = useTexts();
  const [text, setText] = useState(value);
  useEffect(() => {
    if (text.trim() === value) return;
    const timer = setTimeout(() => onSearch(text.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);
  useEffect(() => {
    if (text.trim() !== value) setText(value);
  }, [value]);
  return (
    <Labelled label={words.search}>
      {(ids) => (
        <input
          {...ids}
          type="search"
          placeholder={words.searchHelp}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      )}
    </Labelled>
  );
}

function JobList({ status, batch }: { readonly status: string; readonly batch: string }) {
  const texts = useTexts();
  const words = texts.jobs;
  const write = useFormats();
  const { api } = useSession();
  const pages = useCursor(`${status} ${batch}`);
  const { cursor } = pages;
  const list = useResource(
    `jobs ${status} ${batch} ${cursor}`,
    (signal) =>
      api.listJobs({
        query: { limit: PAGE, ...filterOf(status, batch), ...(cursor !== undefined && { cursor }) },
        signal,
      }),
    ({ jobs }) => (jobs.some((job) => !isFinal(job.status)) ? POLL_MS : null),
  );
  return (
    <Loaded resource={list}>
      {({ jobs, total, next_cursor }) => {
        if (jobs.length === 0 && cursor === undefined) {
          return status || batch ? (
            <Empty title={words.noMatch}>
              <a href={href("jobs")}>{words.clearFilters}</a>
            </Empty>
          ) : (
            <Empty title={words.empty}>
              <p>{words.emptyHelp}</p>
              <a class="button primary" href={href("new")}>
                {texts.nav.create}
              </a>
            </Empty>
          );
        }
        return (
          <>
            <JobTable jobs={jobs} label={words.title} />
            <Pager
              label={words.title}
              text={words.total(write.count(total))}
              onNewer={pages.newer}
              onOlder={pages.older(next_cursor)}
            />
          </>
        );
      }}
    </Loaded>
  );
}
