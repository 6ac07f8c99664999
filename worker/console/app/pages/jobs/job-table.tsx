import type { Job } from "../../../../../schema/api/job.ts";
import { isFinal } from "../../../../../schema/states.ts";
import { useFormats } from "../../lib/format.ts";
import { href } from "../../lib/route.ts";
import { useTexts } from "../../texts/texts.ts";
import { StatusBadge } from "../../ui/status-badge.tsx";
import { Table } from "../../ui/table.tsx";

/** Jobs as rows that lead to their pages. */
export function JobTable({ jobs, label }: { readonly jobs: readonly Job[]; readonly label: string }) {
  const texts = useTexts();
  const write = useFormats();
  return (
    <Table
      label={label}
      rows={jobs}
      keyOf={({ id }) => id}
      columns={[
        {
          head: texts.jobs.media,
          isName: true,
          cell: (job) => (
            <div class="media">
              <a href={href(`jobs/${job.id}`)}>{titleOf(job, texts.jobs.untitled)}</a>
              <span class="fine cut">{job.url}</span>
            </div>
          ),
        },
        {
          head: texts.jobs.status,
          cell: (job) => (
            <div class="state">
              <StatusBadge status={job.status} />
              {!isFinal(job.status) && job.progress > 0 && (
                <progress max={100} value={job.progress} aria-label={texts.jobs.progress} />
              )}
            </div>
          ),
        },
        { head: texts.jobs.size, isNumber: true, cell: (job) => write.bytes(job.file_size) },
        { head: texts.jobs.created, cell: (job) => write.time(job.created_at) },
      ]}
    />
  );
}

/** The title, else the file's name in the address. */
export function titleOf({ title, url }: Pick<Job, "title" | "url">, untitled: string): string {
  if (title) return title;
  const name = URL.canParse(url)
    ? new URL(url).pathname.split("/").findLast((part) => part !== "")
    : undefined;
  return name === undefined ? untitled : decoded(name);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
