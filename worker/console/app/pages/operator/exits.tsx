import { useState } from "preact/hooks";
import { adminStatusOf } from "../../lib/admin-status.ts";
import { issuesOf } from "../../lib/error-text.ts";
import { useFormats } from "../../lib/format.ts";
import { useSession } from "../../lib/session.ts";
import { useAction } from "../../lib/use-action.ts";
import { useResource } from "../../lib/use-resource.ts";
import { textOr, useTexts } from "../../texts/texts.ts";
import { ErrorAlert } from "../../ui/alert.tsx";
import { useAnnounce } from "../../ui/announcer.tsx";
import { TextField } from "../../ui/field.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Card, Empty, Page } from "../../ui/page.tsx";
import { Table } from "../../ui/table.tsx";

const TONES: Readonly<Record<string, string>> = {
  ...{ closed: "good", half_open: "warn", open: "bad" },
  ...{ promoted: "good", rolled_back: "warn" },
};

/** The addresses from which sources are asked, and how sites treat them. */
export function ExitsPage() {
  const { exits: words } = useTexts();
  const write = useFormats();
  const { api } = useSession();
  const list = useResource("exits", (signal) => api.listExits({ signal }));
  const announce = useAnnounce();
  const change = useAction(async (name: string, what: "remove" | boolean) => {
    if (what === "remove") await api.removeExit({ params: { name } });
    else await api.changeExit({ params: { name }, body: { enabled: what } });
    announce(words.saved);
    list.reload();
  });
  return (
    <Page title={words.title}>
      <Loaded resource={list}>
        {({ exits }) =>
          exits.length === 0 ? (
            <Empty title={words.none} />
          ) : (
            <Table
              label={words.title}
              rows={exits}
              keyOf={({ name }) => name}
              columns={[
                { head: words.name, isName: true, cell: ({ name }) => <code>{name}</code> },
                { head: words.url, cell: ({ url }) => <code class="breaking">{url}</code> },
                { head: words.country, cell: ({ country }) => country ?? "–" },
                { head: words.cost, isNumber: true, cell: ({ cost_per_gb }) => write.count(cost_per_gb) },
                {
                  head: words.running,
                  isNumber: true,
                  cell: ({ running, max_runs }) =>
                    max_runs === null
                      ? write.count(running)
                      : `${write.count(running)} / ${write.count(max_runs)}`,
                },
                {
                  head: words.state,
                  cell: ({ enabled }) => (
                    <span class={`badge ${enabled ? "good" : "quiet"}`}>
                      {enabled ? words.enabled : words.disabled}
                    </span>
                  ),
                },
                {
                  head: words.change,
                  cell: ({ name, origin, enabled }) =>
                    origin === "setting" ? (
                      words.fromSetting
                    ) : (
                      <div class="row">
                        <button
                          type="button"
                          disabled={change.isRunning}
                          aria-label={`${enabled ? words.disable : words.enable}: ${name}`}
                          onClick={() => void change.run(name, !enabled)}
                        >
                          {enabled ? words.disable : words.enable}
                        </button>
                        <button
                          type="button"
                          disabled={change.isRunning}
                          aria-label={`${words.remove}: ${name}`}
                          onClick={() => void change.run(name, "remove")}
                        >
                          {words.remove}
                        </button>
                      </div>
                    ),
                },
              ]}
            />
          )
        }
      </Loaded>
      <ErrorAlert error={change.error} />
      <PairHealth />
      <YtdlpVersions />
      <NewExit onSaved={list.reload} />
    </Page>
  );
}

/** How each site treats each exit. */
function PairHealth() {
  const texts = useTexts();
  const { exits: words } = texts;
  const write = useFormats();
  const { adminText } = useSession();
  const status = useResource("exit-health", (signal) => adminStatusOf(adminText, signal));
  return (
    <Card title={words.health}>
      <Loaded resource={status}>
        {({ operator }) =>
          operator === undefined || operator.exits.length === 0 ? (
            <Empty title={words.healthEmpty} />
          ) : (
            <Table
              label={words.health}
              rows={operator.exits}
              keyOf={({ site, exit }) => `${site} ${exit}`}
              columns={[
                { head: texts.operator.site, isName: true, cell: ({ site }) => site },
                { head: words.exit, cell: ({ exit }) => <code>{exit}</code> },
                {
                  head: words.state,
                  cell: ({ state, until }) => (
                    <span class={`badge ${TONES[state] ?? "quiet"}`}>
                      {textOr(words.states, state)}
                      {until !== null && ` ${write.time(until)}`}
                    </span>
                  ),
                },
                { head: words.reason, cell: ({ reason }) => (reason === null ? "–" : <code>{reason}</code>) },
                { head: words.hour, isNumber: true, cell: ({ success_rate }) => write.percent(success_rate) },
                {
                  head: words.day,
                  isNumber: true,
                  cell: ({ success_rate_24h }) => write.percent(success_rate_24h),
                },
                { head: words.lastSuccess, cell: ({ last_success_at }) => write.time(last_success_at) },
                {
                  head: words.pace,
                  isNumber: true,
                  cell: ({ pace_per_minute }) =>
                    pace_per_minute === null ? "–" : write.count(pace_per_minute),
                },
              ]}
            />
          )
        }
      </Loaded>
    </Card>
  );
}

/** How newer versions of yt-dlp do; nothing where processors have only one. */
function YtdlpVersions() {
  const texts = useTexts();
  const { exits: words } = texts;
  const write = useFormats();
  const { adminText } = useSession();
  const status = useResource("ytdlp-versions", (signal) => adminStatusOf(adminText, signal));
  return (
    <Loaded resource={status}>
      {({ operator }) =>
        operator === undefined || operator.ytdlp.length === 0 ? null : (
          <Card title={words.versions}>
            <Table
              label={words.versions}
              rows={operator.ytdlp}
              keyOf={({ site, version }) => `${site} ${version}`}
              columns={[
                { head: texts.operator.site, isName: true, cell: ({ site }) => site },
                { head: words.newer, cell: ({ version }) => <code>{version}</code> },
                {
                  head: words.state,
                  cell: ({ state, until }) => (
                    <span class={`badge ${TONES[state] ?? "quiet"}`}>
                      {textOr(words.trials, state)}
                      {until !== null && ` ${write.time(until)}`}
                    </span>
                  ),
                },
                { head: words.tries, isNumber: true, cell: ({ tries }) => write.count(tries) },
                { head: words.served, isNumber: true, cell: ({ served }) => write.count(served) },
              ]}
            />
          </Card>
        )
      }
    </Loaded>
  );
}

const NOTHING = { name: "", url: "", country: "", cost: "", maxRuns: "" };

function NewExit({ onSaved }: { readonly onSaved: () => void }) {
  const { exits: words } = useTexts();
  const { api } = useSession();
  const announce = useAnnounce();
  const [form, setForm] = useState(NOTHING);
  const save = useAction(async () => {
    const { name, url, country, cost, maxRuns } = form;
    await api.putExit({
      body: {
        ...{ name, url },
        ...(country.trim() !== "" && { country: country.trim() }),
        ...(cost !== "" && { cost_per_gb: Number(cost) }),
        ...(maxRuns !== "" && { max_runs: Number(maxRuns) }),
      },
    });
    announce(words.saved);
    setForm(NOTHING);
    onSaved();
  });
  const problems = issuesOf(save.error);
  const field = (name: keyof typeof NOTHING, problem: string) => (
    <TextField
      label={words[name]}
      problem={problems[problem]}
      help={name === "url" ? words.urlHelp : undefined}
      isRequired={name === "name" || name === "url"}
      value={form[name]}
      onChange={(value) => setForm({ ...form, [name]: value })}
    />
  );
  return (
    <Card title={words.add}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void save.run();
        }}
      >
        <div class="fields">
          {field("name", "name")}
          {field("url", "url")}
          {field("country", "country")}
          {field("cost", "cost_per_gb")}
          {field("maxRuns", "max_runs")}
        </div>
        <ErrorAlert error={save.error} />
        <div class="row">
          <button type="submit" class="primary" disabled={save.isRunning}>
            {words.add}
          </button>
        </div>
      </form>
    </Card>
  );
}
