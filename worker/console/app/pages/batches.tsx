import { useState } from "preact/hooks";
import { useFormats } from "../lib/format.ts";
import { href } from "../lib/route.ts";
import { useSession } from "../lib/session.ts";
import { useResource } from "../lib/use-resource.ts";
import { textOr, useTexts } from "../texts/texts.ts";
import { Loaded } from "../ui/loaded.tsx";
import { Empty, Page } from "../ui/page.tsx";
import { Pager } from "../ui/pager.tsx";
import { StatusBadge } from "../ui/status-badge.tsx";
import { Table } from "../ui/table.tsx";

const PAGE = 20;
const POLL_MS = 5_000;

export function BatchesPage() {
  const texts = useTexts();
  const words = texts.batches;
  const write = useFormats();
  const { api } = useSession();
  const [offset, setOffset] = useState(0);
  const list = useResource(
    `batches ${offset}`,
    (signal) => api.dashboardBatches({ query: { limit: PAGE, offset }, signal }),
    ({ batches }) =>
      batches.some(({ status }) => status === "processing" || status === "listing") ? POLL_MS : null,
  );
  return (
    <Page
      title={words.title}
      actions={
        <a class="button primary" href={href("new")}>
          {texts.nav.create}
        </a>
      }
    >
      <Loaded resource={list}>
        {({ batches, total }) =>
          total === 0 ? (
            <Empty title={words.empty}>
              <p>{words.emptyHelp}</p>
            </Empty>
          ) : (
            <>
              <Table
                label={words.title}
                rows={batches}
                keyOf={({ id }) => id}
                columns={[
                  {
                    head: words.name,
                    isName: true,
                    cell: ({ id, title, kind, show_url }) => (
                      <div class="media">
                        <a href={href(`batches/${id}`)}>{title ?? textOr(words.kind, kind)}</a>
                        {show_url !== null && <span class="fine cut">{show_url}</span>}
                      </div>
                    ),
                  },
                  {
                    head: texts.jobs.status,
                    cell: ({
                      status,
                      completed_episodes,
                      failed_episodes,
                      skipped_episodes,
                      total_episodes,
                    }) => (
                      <div class="state">
                        <StatusBadge status={status} />
                        {status === "processing" && (
                          <progress
                            max={total_episodes}
                            value={completed_episodes + failed_episodes + skipped_episodes}
                            aria-label={texts.jobs.progress}
                          />
                        )}
                      </div>
                    ),
                  },
                  {
                    head: words.entries,
                    isNumber: true,
                    cell: ({ completed_episodes, total_episodes }) =>
                      `${write.count(completed_episodes)} / ${write.count(total_episodes)}`,
                  },
                  { head: texts.jobs.created, cell: ({ created_at }) => write.time(created_at) },
                ]}
              />
              <Pager
                label={words.title}
                text={words.range(offset + 1, offset + batches.length, write.count(total))}
                onNewer={offset === 0 ? null : () => setOffset(Math.max(0, offset - PAGE))}
                onOlder={offset + batches.length >= total ? null : () => setOffset(offset + PAGE)}
              />
            </>
          )
        }
      </Loaded>
    </Page>
  );
}
