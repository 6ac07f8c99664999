import type { Denial } from "../../../../../schema/api/operator/denied.ts";
import { useFormats } from "../../lib/format.ts";
import { useSession } from "../../lib/session.ts";
import { useCursor } from "../../lib/use-cursor.ts";
import { useResource } from "../../lib/use-resource.ts";
import { textOr, useTexts } from "../../texts/texts.ts";
import { useAnnounce } from "../../ui/announcer.tsx";
import { ConfirmButton } from "../../ui/confirm.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Card, Empty, Page } from "../../ui/page.tsx";
import { Pager } from "../../ui/pager.tsx";
import { Table } from "../../ui/table.tsx";
import { NewDenial } from "./new-denial.tsx";

const PAGE = 50;

/** What is not delivered, takedowns, and erasures of accounts. */
export function RightsPage() {
  const { rights: words } = useTexts();
  const { api } = useSession();
  const pages = useCursor("denied");
  const { cursor } = pages;
  const list = useResource(`denied ${cursor}`, (signal) =>
    api.listDenials({ query: { limit: PAGE, ...(cursor !== undefined && { cursor }) }, signal }),
  );
  return (
    <Page title={words.title}>
      <Card title={words.denied}>
        <Loaded resource={list}>
          {({ denied, next_cursor }) =>
            denied.length === 0 ? (
              <Empty title={words.none} />
            ) : (
              <>
                <Denials denied={denied} onChange={list.reload} />
                <Pager label={words.denied} onNewer={pages.newer} onOlder={pages.older(next_cursor)} />
              </>
            )
          }
        </Loaded>
      </Card>
      <NewDenial onSaved={list.reload} />
      <Erasures />
    </Page>
  );
}

function Denials({
  denied,
  onChange,
}: {
  readonly denied: readonly Denial[];
  readonly onChange: () => void;
}) {
  const { rights: words } = useTexts();
  const { api } = useSession();
  const announce = useAnnounce();
  const takeDown = (id: string) => async () => {
    await api.takeDown({ params: { id } });
    onChange();
  };
  const remove = (id: string) => async () => {
    await api.removeDenial({ params: { id } });
    announce(words.removed);
    onChange();
  };
  return (
    <Table
      label={words.denied}
      rows={denied}
      keyOf={({ id }) => id}
      columns={[
        { head: words.value, isName: true, cell: ({ value }) => <code class="breaking">{value}</code> },
        { head: words.kind, cell: ({ kind }) => textOr(words.kinds, kind) },
        { head: words.reason, cell: ({ reason }) => textOr(words.reasons, reason) },
        { head: words.reference, cell: ({ reference }) => reference ?? "–" },
        { head: words.note, cell: ({ note }) => note ?? "–" },
        { head: words.takedown, cell: (denial) => <Progress denial={denial} /> },
        {
          head: words.change,
          cell: ({ id, takedown }) => (
            <div class="row">
              {takedown === null && (
                <ConfirmButton
                  title={words.takedownTitle}
                  lead={words.takedownLead}
                  confirm={words.takedown}
                  dismiss={words.keep}
                  isDangerous
                  work={takeDown(id)}
                />
              )}
              <ConfirmButton
                title={words.removeTitle}
                lead={words.removeLead}
                confirm={words.remove}
                dismiss={words.keep}
                work={remove(id)}
              />
            </div>
          ),
        },
      ]}
    />
  );
}

function Progress({ denial: { takedown } }: { readonly denial: Denial }) {
  const { rights: words } = useTexts();
  const write = useFormats();
  if (takedown === null) return "–";
  const { matched, waiting, kept } = takedown.jobs;
  const text =
    takedown.status === "finished"
      ? words.finished(write.count(matched), write.count(takedown.objects_deleted))
      : words.progress(write.count(matched - waiting), write.count(matched));
  return (
    <>
      {text}
      {kept > 0 && <span class="badge warn">{words.kept(write.count(kept))}</span>}
    </>
  );
}

function Erasures() {
  const { rights: words } = useTexts();
  const write = useFormats();
  const { api } = useSession();
  const list = useResource("erasures", (signal) => api.listErasures({ query: { limit: PAGE }, signal }));
  const listed = (rows: readonly { readonly kind: string; readonly count: number }[]) =>
    rows.length === 0 ? "–" : rows.map(({ kind, count }) => `${write.count(count)} ${kind}`).join(", ");
  return (
    <Card title={words.erasures}>
      <Loaded resource={list}>
        {({ erasures }) =>
          erasures.length === 0 ? (
            <Empty title={words.noErasures} />
          ) : (
            <Table
              label={words.erasures}
              rows={erasures}
              keyOf={({ id }) => id}
              columns={[
                { head: words.erasure, isName: true, cell: ({ id }) => <code class="breaking">{id}</code> },
                {
                  head: words.state,
                  cell: ({ status, last_error }) => (
                    <span class={`badge ${status === "finished" ? "good" : "warn"}`}>
                      {status === "finished" ? words.done : (last_error ?? words.running)}
                    </span>
                  ),
                },
                { head: words.requested, cell: ({ requested_at }) => write.time(requested_at) },
                { head: words.erased, cell: ({ erased }) => listed(erased) },
                { head: words.keptThings, cell: ({ kept }) => listed(kept) },
              ]}
            />
          )
        }
      </Loaded>
    </Card>
  );
}
