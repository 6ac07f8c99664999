import { useFormats } from "../../lib/format.ts";
import { href } from "../../lib/route.ts";
import { useSession } from "../../lib/session.ts";
import { useCursor } from "../../lib/use-cursor.ts";
import { useResource } from "../../lib/use-resource.ts";
import { useTexts } from "../../texts/texts.ts";
import { Loaded } from "../../ui/loaded.tsx";
import { Empty, Page } from "../../ui/page.tsx";
import { Pager } from "../../ui/pager.tsx";
import { Table } from "../../ui/table.tsx";

const PAGE = 50;

/** @param accountId empty for all accounts */
export function AuditPage({ accountId }: { readonly accountId: string }) {
  const texts = useTexts();
  const words = texts.operator;
  const write = useFormats();
  const { api } = useSession();
  const pages = useCursor(accountId);
  const { cursor } = pages;
  const list = useResource(`audit ${accountId} ${cursor}`, (signal) =>
    api.listAudit({
      query: {
        limit: PAGE,
        ...(accountId !== "" && { account_id: accountId }),
        ...(cursor !== undefined && { cursor }),
      },
      signal,
    }),
  );
  return (
    <Page
      title={words.audit}
      actions={accountId !== "" && <a href={href("operator/audit")}>{words.anyAccount}</a>}
    >
      <Loaded resource={list}>
        {({ entries, next_cursor }) =>
          entries.length === 0 ? (
            <Empty title={words.auditEmpty} />
          ) : (
            <>
              <Table
                label={words.audit}
                rows={entries}
                keyOf={({ id }) => id}
                columns={[
                  { head: words.action, isName: true, cell: ({ action }) => <code>{action}</code> },
                  { head: words.at, cell: ({ at }) => write.time(at) },
                  {
                    head: words.actor,
                    cell: ({ actor }) =>
                      actor === "operator" ? words.byOperator : <code class="breaking">{actor}</code>,
                  },
                  {
                    head: words.account,
                    cell: ({ account_id }) =>
                      account_id === null ? (
                        "–"
                      ) : (
                        <a href={href(`operator/accounts/${account_id}`)}>
                          <code>{account_id.slice(0, 8)}</code>
                        </a>
                      ),
                  },
                  {
                    head: words.detail,
                    cell: ({ subject, detail }) => (
                      <code class="breaking">
                        {[subject, Object.keys(detail).length > 0 && JSON.stringify(detail)]
                          .filter(Boolean)
                          .join(" ")}
                      </code>
                    ),
                  },
                ]}
              />
              <Pager label={words.audit} onNewer={pages.newer} onOlder={pages.older(next_cursor)} />
            </>
          )
        }
      </Loaded>
    </Page>
  );
}
