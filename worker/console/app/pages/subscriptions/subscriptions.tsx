import { useState } from "preact/hooks";
import { issuesOf } from "../../lib/error-text.ts";
import { useFormats } from "../../lib/format.ts";
import { href } from "../../lib/route.ts";
import { useSession } from "../../lib/session.ts";
import { useAction } from "../../lib/use-action.ts";
import { useCursor } from "../../lib/use-cursor.ts";
import { useResource } from "../../lib/use-resource.ts";
import { useTexts } from "../../texts/texts.ts";
import { ErrorAlert } from "../../ui/alert.tsx";
import { useAnnounce } from "../../ui/announcer.tsx";
import { Labelled } from "../../ui/field.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Card, Empty, Page } from "../../ui/page.tsx";
import { Pager } from "../../ui/pager.tsx";
import { StatusBadge } from "../../ui/status-badge.tsx";
import { Table } from "../../ui/table.tsx";

/** Sources that are followed, and a form for another one. */
export function SubscriptionsPage() {
  const texts = useTexts();
  const words = texts.subscriptions;
  const write = useFormats();
  const { api } = useSession();
  const pages = useCursor("subscriptions");
  const { cursor } = pages;
  const list = useResource(`subscriptions ${cursor}`, (signal) =>
    api.listSubscriptions({ query: cursor === undefined ? {} : { cursor }, signal }),
  );
  return (
    <Page title={words.title}>
      <Follow onCreated={list.reload} />
      <Loaded resource={list}>
        {({ subscriptions, next_cursor }) =>
          subscriptions.length === 0 && cursor === undefined ? (
            <Empty title={words.empty}>
              <p>{words.emptyHelp}</p>
            </Empty>
          ) : (
            <>
              <Table
                label={words.title}
                rows={subscriptions}
                keyOf={({ id }) => id}
                columns={[
                  {
                    head: words.source,
                    isName: true,
                    cell: ({ id, name, title, url }) => (
                      <div class="media">
                        <a href={href(`subscriptions/${id}`)}>{name ?? title ?? url}</a>
                        <span class="fine cut">{url}</span>
                      </div>
                    ),
                  },
                  {
                    head: texts.jobs.status,
                    cell: ({ status, failing_since }) => (
                      <StatusBadge status={failing_since === null ? status : "failing"} />
                    ),
                  },
                  { head: words.problem, cell: ({ last_error }) => last_error ?? texts.none },
                  { head: texts.jobs.created, cell: ({ created_at }) => write.time(created_at) },
                ]}
              />
              <Pager label={words.title} onNewer={pages.newer} onOlder={pages.older(next_cursor)} />
            </>
          )
        }
      </Loaded>
    </Page>
  );
}

const BACKFILLS = ["none", "last", "all"] as const;
const NEWEST = 5;

function Follow({ onCreated }: { readonly onCreated: () => void }) {
  const words = useTexts().subscriptions;
  const { api } = useSession();
  const announce = useAnnounce();
  const [url, setUrl] = useState("");
  const [backfill, setBackfill] = useState<(typeof BACKFILLS)[number]>("none");
  const [minutes, setMinutes] = useState("60");
  const [folder, setFolder] = useState("");
  const create = useAction(async () => {
    await api.createSubscription({
      body: {
        url: url.trim(),
        backfill: backfill === "last" ? { type: "last", count: NEWEST } : { type: backfill },
        schedule: { interval_seconds: Math.round(Number(minutes) * 60) },
        ...(folder.trim() === "" ? {} : { folder: folder.trim() }),
      },
    });
    announce(words.created);
    setUrl("");
    onCreated();
  });
  const problems = issuesOf(create.error);
  return (
    <Card title={words.follow}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void create.run();
        }}
      >
        <div class="fields">
          <Labelled label={words.url} help={words.urlHelp} problem={problems.url} isWide>
            {(ids) => (
              <input {...ids} type="url" value={url} onInput={(event) => setUrl(event.currentTarget.value)} />
            )}
          </Labelled>
          <Labelled label={words.backfill}>
            {(ids) => (
              <select
                {...ids}
                value={backfill}
                onChange={(event) => setBackfill(event.currentTarget.value as typeof backfill)}
              >
                {BACKFILLS.map((name) => (
                  <option key={name} value={name}>
                    {words.backfills[name]}
                  </option>
                ))}
              </select>
            )}
          </Labelled>
          <Labelled label={words.minutes} problem={problems.schedule}>
            {(ids) => (
              <input
                {...ids}
                type="number"
                min="5"
                value={minutes}
                onInput={(event) => setMinutes(event.currentTarget.value)}
              />
            )}
          </Labelled>
          <Labelled label={words.folder} help={words.folderHelp} problem={problems.folder}>
            {(ids) => (
              <input
                {...ids}
                type="text"
                value={folder}
                onInput={(event) => setFolder(event.currentTarget.value)}
              />
            )}
          </Labelled>
        </div>
        <ErrorAlert error={create.error} />
        <div class="row">
          <button type="submit" class="primary" disabled={create.isRunning || url.trim() === ""}>
            {words.submit}
          </button>
        </div>
      </form>
    </Card>
  );
}
