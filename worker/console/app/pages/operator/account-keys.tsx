import { useState } from "preact/hooks";
import { type Key, SCOPES, type Scope } from "../../../../../schema/api/account.ts";
import { issuesOf } from "../../lib/error-text.ts";
import { useFormats } from "../../lib/format.ts";
import { useSession } from "../../lib/session.ts";
import { useAction } from "../../lib/use-action.ts";
import { useResource } from "../../lib/use-resource.ts";
import { useTexts } from "../../texts/texts.ts";
import { Alert, ErrorAlert } from "../../ui/alert.tsx";
import { useAnnounce } from "../../ui/announcer.tsx";
import { Confirm } from "../../ui/confirm.tsx";
import { CopyButton } from "../../ui/copy-button.tsx";
import { Flag, Labelled } from "../../ui/field.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Card, Empty } from "../../ui/page.tsx";
import { Table } from "../../ui/table.tsx";

/** The keys of an account: create, roll, revoke. A new key is shown once. */
export function AccountKeys({ accountId }: { readonly accountId: string }) {
  const texts = useTexts();
  const words = texts.operator;
  const write = useFormats();
  const { api } = useSession();
  const announce = useAnnounce();
  const [made, setMade] = useState<string | null>(null);
  const [asked, setAsked] = useState<{ readonly what: "roll" | "revoke"; readonly key: Key } | null>(null);
  const list = useResource(`keys ${accountId}`, (signal) =>
    api.listKeys({ params: { id: accountId }, signal }),
  );
  const change = useAction(async () => {
    if (!asked) return;
    const params = { id: accountId, key_id: asked.key.id };
    if (asked.what === "roll") setMade((await api.rollKey({ params })).api_key);
    else {
      await api.revokeKey({ params });
      announce(words.revoked);
    }
    setAsked(null);
    list.reload();
  });
  return (
    <Card title={words.keys}>
      {made !== null && (
        <Alert tone="good" title={words.keyOnce} action={<CopyButton value={made} label={words.keys} />}>
          <code class="breaking">{made}</code>
        </Alert>
      )}
      <Loaded resource={list}>
        {({ keys }) =>
          keys.length === 0 ? (
            <Empty title={texts.usage.noKeys} />
          ) : (
            <Table
              label={words.keys}
              rows={keys}
              keyOf={({ id }) => id}
              columns={[
                {
                  head: words.keyName,
                  isName: true,
                  cell: ({ name, prefix, last4 }) => (
                    <div class="media">
                      <span>{name}</span>
                      <code class="fine">
                        {prefix}…{last4}
                      </code>
                    </div>
                  ),
                },
                { head: words.scopes, cell: ({ scopes }) => scopes?.join(", ") ?? "–" },
                { head: words.addresses, cell: ({ allowed_ips }) => allowed_ips?.join(", ") ?? "–" },
                { head: words.created, cell: ({ created_at }) => write.time(created_at) },
                {
                  head: words.expires,
                  cell: ({ expires_at }) => (expires_at === null ? texts.never : write.time(expires_at)),
                },
                { head: texts.jobs.status, cell: (key) => <KeyState state={key} /> },
                {
                  head: texts.more,
                  cell: (key) =>
                    key.revoked_at === null && (
                      <div class="row">
                        <button
                          type="button"
                          class="small"
                          aria-label={`${words.roll}: ${key.name} …${key.last4}`}
                          onClick={() => setAsked({ what: "roll", key })}
                        >
                          {words.roll}
                        </button>
                        <button
                          type="button"
                          class="small danger"
                          aria-label={`${words.revoke}: ${key.name} …${key.last4}`}
                          onClick={() => setAsked({ what: "revoke", key })}
                        >
                          {words.revoke}
                        </button>
                      </div>
                    ),
                },
              ]}
            />
          )
        }
      </Loaded>
      <NewKey
        accountId={accountId}
        onCreated={(key) => {
          setMade(key);
          announce(words.createKeyDone);
          list.reload();
        }}
      />
      {asked && (
        <Confirm
          title={asked.what === "roll" ? words.rollTitle : words.revokeTitle}
          lead={`${asked.key.name} …${asked.key.last4}. ${asked.what === "roll" ? words.rollLead : words.revokeLead}`}
          confirm={asked.what === "roll" ? words.roll : words.revoke}
          dismiss={words.keep}
          isDangerous={asked.what === "revoke"}
          action={change}
          onClose={() => setAsked(null)}
        />
      )}
    </Card>
  );
}

function KeyState({ state: { revoked_at, expires_at } }: { readonly state: Key }) {
  const { operator: words } = useTexts();
  if (revoked_at !== null) return <span class="badge bad">{words.revokedState}</span>;
  if (expires_at !== null && expires_at <= Date.now()) {
    return <span class="badge warn">{words.expiredState}</span>;
  }
  return <span class="badge good">{words.active}</span>;
}

interface NewKeyProps {
  readonly accountId: string;
  readonly onCreated: (apiKey: string) => void;
}

function NewKey({ accountId, onCreated }: NewKeyProps) {
  const texts = useTexts();
  const words = texts.operator;
  const { api } = useSession();
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<readonly Scope[]>([]);
  const [expires, setExpires] = useState("");
  const [addresses, setAddresses] = useState("");
  const create = useAction(async () => {
    const body = {
      ...(name.trim() !== "" && { name: name.trim() }),
      scopes: scopes.length === 0 ? null : [...scopes],
      allowed_ips: namedIn(addresses),
      // the end of that day in UTC
      expires_at: expires === "" ? null : Date.parse(`${expires}T23:59:59.999Z`),
    };
    const { api_key } = await api.createKey({ params: { id: accountId }, body });
    setName("");
    setAddresses("");
    onCreated(api_key);
  });
  const problems = Object.entries(issuesOf(create.error));
  return (
    <form
      class="new-key"
      onSubmit={(event) => {
        event.preventDefault();
        void create.run();
      }}
    >
      <h3>{words.newKey}</h3>
      <div class="fields">
        <Labelled label={words.keyName}>
          {(ids) => <input {...ids} value={name} onInput={(event) => setName(event.currentTarget.value)} />}
        </Labelled>
        <Labelled label={words.expires}>
          {(ids) => (
            <input
              {...ids}
              type="date"
              value={expires}
              onInput={(event) => setExpires(event.currentTarget.value)}
            />
          )}
        </Labelled>
        <Labelled
          label={words.addresses}
          help={words.addressesHelp}
          problem={problems.find(([path]) => path.startsWith("allowed_ips"))?.[1]}
        >
          {(ids) => (
            <input
              {...ids}
              spellcheck={false}
              autocomplete="off"
              value={addresses}
              onInput={(event) => setAddresses(event.currentTarget.value)}
            />
          )}
        </Labelled>
        <fieldset class="field">
          <legend>{words.scopes}</legend>
          {SCOPES.map((scope) => (
            <Flag
              key={scope}
              label={words.scope[scope]}
              isOn={scopes.includes(scope)}
              onChange={(isOn) =>
                setScopes(isOn ? [...scopes, scope] : scopes.filter((other) => other !== scope))
              }
            />
          ))}
          <p class="help">{words.scopesHelp}</p>
        </fieldset>
      </div>
      <ErrorAlert error={create.error} />
      <div class="row">
        <button type="submit" class="primary" disabled={create.isRunning}>
          {words.newKey}
        </button>
      </div>
    </form>
  );
}

/** Addresses as a person lists them; null if there are none. */
function namedIn(text: string): string[] | null {
  const addresses = text.split(/[\s,]+/).filter((address) => address !== "");
  return addresses.length === 0 ? null : addresses;
}
