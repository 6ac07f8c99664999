import { useState } from "preact/hooks";
import { type Account, Limits } from "../../../../../schema/api/account.ts";
import { issuesOf } from "../../lib/error-text.ts";
import { useFormats } from "../../lib/format.ts";
import { href } from "../../lib/route.ts";
import { useSession } from "../../lib/session.ts";
import { useAction } from "../../lib/use-action.ts";
import { useResource } from "../../lib/use-resource.ts";
import { textOr, useTexts } from "../../texts/texts.ts";
import { ErrorAlert } from "../../ui/alert.tsx";
import { useAnnounce } from "../../ui/announcer.tsx";
import { ConfirmButton } from "../../ui/confirm.tsx";
import { Facts } from "../../ui/facts.tsx";
import { Labelled } from "../../ui/field.tsx";
import { KeyUsageTable } from "../../ui/key-usage-table.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Card, Empty, Page } from "../../ui/page.tsx";
import { AccountKeys } from "./account-keys.tsx";
import { EraseAccount } from "./erase-account.tsx";

const LIMIT_NAMES = Object.keys(Limits.shape) as (keyof Limits)[];

export function AccountPage({ id }: { readonly id: string }) {
  const texts = useTexts();
  const words = texts.operator;
  const write = useFormats();
  const { api } = useSession();
  const resource = useResource(`account ${id}`, async (signal) => {
    const params = { id };
    const [account, usage] = await Promise.all([
      api.getAccount({ params, signal }),
      api.getAccountUsage({ params, signal }),
    ]);
    return { account, usage };
  });
  const { data, reload } = resource;
  return (
    <Page
      title={data?.account.name ?? words.account}
      back={{ href: href("operator/accounts"), text: words.back }}
      actions={data && <Availability account={data.account} onChange={reload} />}
    >
      <Loaded resource={resource}>
        {({ account, usage }) => (
          <>
            <Card title={words.account}>
              <Facts
                rows={[
                  ["Id", <code key="id">{account.id}</code>],
                  [words.source, account.source],
                  [words.prefix, <code key="prefix">{account.storage_prefix}</code>],
                  [words.created, write.time(account.created_at)],
                  [
                    words.audit,
                    <a key="audit" href={href("operator/audit", { account: id })}>
                      {words.audit}
                    </a>,
                  ],
                ]}
              />
            </Card>
            <AccountLimits account={account} onChange={reload} />
            <EraseAccount account={account} />
            <AccountKeys accountId={id} />
            <Card title={words.usage}>
              {usage.keys.length === 0 ? (
                <Empty title={texts.usage.noKeys} />
              ) : (
                <KeyUsageTable keys={usage.keys} />
              )}
            </Card>
          </>
        )}
      </Loaded>
    </Page>
  );
}

interface AccountProps {
  readonly account: Account;
  readonly onChange: () => void;
}

function Availability({ account, onChange }: AccountProps) {
  const { operator: words } = useTexts();
  const { api } = useSession();
  const announce = useAnnounce();
  const change = async () => {
    await api.changeAccount({ params: { id: account.id }, body: { disabled: !account.disabled } });
    announce(words.saved);
    onChange();
  };
  const enable = useAction(change);
  if (account.disabled) {
    return (
      <>
        <ErrorAlert error={enable.error} />
        <button type="button" onClick={() => void enable.run()}>
          {words.enable}
        </button>
      </>
    );
  }
  return (
    <ConfirmButton
      title={words.disableTitle}
      lead={words.disableLead}
      confirm={words.disable}
      dismiss={words.keep}
      isDangerous
      work={change}
    />
  );
}

function AccountLimits({ account, onChange }: AccountProps) {
  const texts = useTexts();
  const words = texts.operator;
  const { api } = useSession();
  const announce = useAnnounce();
  const [entered, setEntered] = useState<Readonly<Partial<Record<keyof Limits, string>>>>({});
  const limitOf = (name: keyof Limits) => entered[name] ?? String(account.limits[name] ?? "");
  const save = useAction(async () => {
    const limits = Object.fromEntries(
      LIMIT_NAMES.map((name) => [name, limitOf(name).trim() === "" ? null : Number(limitOf(name))]),
    );
    await api.changeAccount({ params: { id: account.id }, body: { limits } });
    announce(words.saved);
    setEntered({});
    onChange();
  });
  const problems = issuesOf(save.error);
  return (
    <Card title={words.limits}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void save.run();
        }}
      >
        <p class="fine">{words.limitsHelp}</p>
        <div class="fields">
          {LIMIT_NAMES.map((name) => (
            <Labelled key={name} label={textOr(words.limit, name)} problem={problems[`limits.${name}`]}>
              {(ids) => (
                <input
                  {...ids}
                  type="number"
                  min={0}
                  value={limitOf(name)}
                  onInput={(event) => setEntered({ ...entered, [name]: event.currentTarget.value })}
                />
              )}
            </Labelled>
          ))}
        </div>
        <ErrorAlert error={save.error} />
        <div class="row">
          <button type="submit" class="primary" disabled={save.isRunning}>
            {texts.save}
          </button>
        </div>
      </form>
    </Card>
  );
}
