import { useState } from "preact/hooks";
import type { CallResponse } from "../../../../schema/client.ts";
import { issuesOf } from "../lib/error-text.ts";
import { useFormats } from "../lib/format.ts";
import { useSession } from "../lib/session.ts";
import { useAction } from "../lib/use-action.ts";
import { useResource } from "../lib/use-resource.ts";
import { useTexts } from "../texts/texts.ts";
import { ErrorAlert } from "../ui/alert.tsx";
import { useAnnounce } from "../ui/announcer.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { Labelled } from "../ui/field.tsx";
import { Loaded } from "../ui/loaded.tsx";
import { Card, Empty, Page } from "../ui/page.tsx";
import { Table } from "../ui/table.tsx";

type Jar = CallResponse<"listCookies">["cookies"][number];

/** The account's cookies for sites that ask for a session. They can be replaced and removed, and are never shown. */
export function CookiesPage() {
  const { cookies: words } = useTexts();
  const { api } = useSession();
  const list = useResource("cookies", (signal) => api.listCookies({ signal }));
  return (
    <Page title={words.title}>
      <p class="lead">{words.lead}</p>
      <Card title={words.stored}>
        <Loaded resource={list}>{({ cookies }) => <Jars jars={cookies} onChange={list.reload} />}</Loaded>
      </Card>
      <AddCookies onChange={list.reload} />
    </Page>
  );
}

interface JarsProps {
  readonly jars: readonly Jar[];
  readonly onChange: () => void;
}

function Jars({ jars, onChange }: JarsProps) {
  const { cookies: words } = useTexts();
  const write = useFormats();
  const { api } = useSession();
  const announce = useAnnounce();
  const [asked, setAsked] = useState<string | null>(null);
  const remove = useAction(async () => {
    if (asked !== null) await api.removeCookies({ params: { site: asked } });
    announce(words.removed);
    setAsked(null);
    onChange();
  });
  if (jars.length === 0) return <Empty title={words.empty} />;
  return (
    <>
      <Table
        label={words.stored}
        rows={jars}
        keyOf={({ site }) => site}
        columns={[
          { head: words.site, isName: true, cell: ({ site }) => site },
          {
            head: words.state,
            cell: ({ state }) => (
              <>
                <span class={`badge ${state === "active" ? "good" : "bad"}`}>{words.states[state]}</span>
                {state === "stale" && <p class="fine">{words.staleHelp}</p>}
              </>
            ),
          },
          { head: words.exit, cell: ({ exit }) => exit ?? words.anyExit },
          { head: words.set, cell: ({ set_at }) => write.time(set_at) },
          { head: words.used, cell: ({ used_at }) => write.time(used_at) },
          {
            head: "",
            cell: ({ site }) => (
              <button type="button" class="danger small" onClick={() => setAsked(site)}>
                {words.remove(site)}
              </button>
            ),
          },
        ]}
      />
      {asked !== null && (
        <Confirm
          title={words.removeTitle(asked)}
          lead={words.removeLead}
          confirm={words.remove(asked)}
          dismiss={words.keep}
          isDangerous
          action={remove}
          onClose={() => setAsked(null)}
        />
      )}
    </>
  );
}

function AddCookies({ onChange }: { readonly onChange: () => void }) {
  const { cookies: words } = useTexts();
  const { api } = useSession();
  const announce = useAnnounce();
  const [site, setSite] = useState("");
  const [text, setText] = useState("");
  const [exit, setExit] = useState("");
  const save = useAction(async () => {
    const params = { site: site.trim() || "-" };
    await api.setCookies({ params, body: { cookies: text, exit: exit.trim() || null } });
    announce(words.saved(site.trim()));
    setText("");
    setSite("");
    setExit("");
    onChange();
  });
  const problems = issuesOf(save.error);
  return (
    <Card title={words.add}>
      <p class="fine">{words.risk}</p>
      <form
        noValidate
        autocomplete="off"
        onSubmit={(event) => {
          event.preventDefault();
          void save.run();
        }}
      >
        <div class="fields">
          <Labelled label={words.site} help={words.siteHelp} problem={problems.site}>
            {(ids) => (
              <input
                {...ids}
                type="text"
                placeholder="youtube.com"
                value={site}
                onInput={(event) => setSite(event.currentTarget.value)}
              />
            )}
          </Labelled>
          <Labelled label={words.exit} help={words.exitHelp} problem={problems.exit}>
            {(ids) => (
              <input
                {...ids}
                type="text"
                value={exit}
                onInput={(event) => setExit(event.currentTarget.value)}
              />
            )}
          </Labelled>
          <Labelled label={words.cookies} help={words.cookiesHelp} problem={problems.cookies} isWide>
            {(ids) => (
              <textarea
                {...ids}
                rows={6}
                spellcheck={false}
                value={text}
                onInput={(event) => setText(event.currentTarget.value)}
              />
            )}
          </Labelled>
        </div>
        <ErrorAlert error={save.error} />
        <button type="submit" class="primary" disabled={save.isRunning}>
          {words.save}
        </button>
      </form>
    </Card>
  );
}
