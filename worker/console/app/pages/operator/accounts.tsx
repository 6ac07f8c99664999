import { useState } from "preact/hooks";
import { SOURCES } from "../../../../../schema/api/account.ts";
import { issuesOf } from "../../lib/error-text.ts";
import { useFormats } from "../../lib/format.ts";
import { goTo, href } from "../../lib/route.ts";
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
import { Table } from "../../ui/table.tsx";

const PAGE = 25;

export function AccountsPage() {
  const { operator: words } = useTexts();
  const write = useFormats();
  const { api } = useSession();
  const pages = useCursor("accounts");
  const { cursor } = pages;
  const list = useResource(`accounts ${cursor}`, (signal) =>
    api.listAccounts({ query: { limit: PAGE, ...(cursor !== undefined && { cursor }) }, signal }),
  );
  return (
    <Page title={words.accounts}>
      <Loaded resource={list}>
        {({ accounts, next_cursor }) =>
          accounts.length === 0 ? (
            <Empty title={words.accountsEmpty} />
          ) : (
            <>
              <Table
                label={words.accounts}
                rows={accounts}
                keyOf={({ id }) => id}
                columns={[
                  {
                    head: words.name,
                    isName: true,
                    cell: ({ id, name }) => <a href={href(`operator/accounts/${id}`)}>{name}</a>,
                  },
                  { head: words.source, cell: ({ source }) => source },
                  { head: words.prefix, cell: ({ storage_prefix }) => <code>{storage_prefix}</code> },
                  { head: words.created, cell: ({ created_at }) => write.time(created_at) },
                  {
                    head: words.account,
                    cell: ({ disabled }) => (
                      <span class={`badge ${disabled ? "bad" : "good"}`}>
                        {disabled ? words.disabled : words.active}
                      </span>
                    ),
                  },
                ]}
              />
              <Pager label={words.accounts} onNewer={pages.newer} onOlder={pages.older(next_cursor)} />
            </>
          )
        }
      </Loaded>
      <NewAccount />
    </Page>
  );
}

function NewAccount() {
  const { operator: words } = useTexts();
  const { api } = useSession();
  const announce = useAnnounce();
  const [name, setName] = useState("");
  const [source, setSource] = useState<(typeof SOURCES)[number]>("direct");
  const [prefix, setPrefix] = useState("");
  const create = useAction(async () => {
    const body = { name, source, ...(prefix.trim() !== "" && { storage_prefix: prefix.trim() }) };
    const { id } = await api.createAccount({ body });
    announce(words.accountCreated);
    goTo(href(`operator/accounts/${id}`));
  });
  const problems = issuesOf(create.error);
  return (
    <Card title={words.newAccount}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void create.run();
        }}
      >
        <div class="fields">
          <Labelled label={words.name} problem={problems.name}>
            {(ids) => (
              <input {...ids} required value={name} onInput={(event) => setName(event.currentTarget.value)} />
            )}
          </Labelled>
          <Labelled label={words.source} problem={problems.source}>
            {(ids) => (
              <select
                {...ids}
                value={source}
                onChange={(event) => setSource(event.currentTarget.value as typeof source)}
              >
                {SOURCES.map((choice) => (
                  <option key={choice}>{choice}</option>
                ))}
              </select>
            )}
          </Labelled>
          <Labelled label={words.prefix} help={words.prefixHelp} problem={problems.storage_prefix}>
            {(ids) => (
              <input {...ids} value={prefix} onInput={(event) => setPrefix(event.currentTarget.value)} />
            )}
          </Labelled>
        </div>
        <ErrorAlert error={create.error} />
        <div class="row">
          <button type="submit" class="primary" disabled={create.isRunning}>
            {words.newAccount}
          </button>
        </div>
      </form>
    </Card>
  );
}
