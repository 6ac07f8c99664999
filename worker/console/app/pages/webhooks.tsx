import { useState } from "preact/hooks";
import { SLACK_LEVELS } from "../../../../schema/api/slack.ts";
import { issuesOf } from "../lib/error-text.ts";
import { useFormats } from "../lib/format.ts";
import { useSession } from "../lib/session.ts";
import { useAction } from "../lib/use-action.ts";
import { useResource } from "../lib/use-resource.ts";
import { useTexts } from "../texts/texts.ts";
import { ErrorAlert } from "../ui/alert.tsx";
import { useAnnounce } from "../ui/announcer.tsx";
import { ConfirmButton } from "../ui/confirm.tsx";
import { CopyButton } from "../ui/copy-button.tsx";
import { Labelled } from "../ui/field.tsx";
import { Loaded } from "../ui/loaded.tsx";
import { Card, Empty, Page } from "../ui/page.tsx";
import { Table } from "../ui/table.tsx";
import { Deliveries } from "./deliveries.tsx";

export const WebhooksPage = ({ jobId }: { readonly jobId: string }) => {
  const { webhooks: words } = useTexts();
  return (
    <Page title={words.title}>
      <Deliveries jobId={jobId} />
      <Endpoints />
      <Secret />
      <Slack />
    </Page>
  );
};

function Secret() {
  const texts = useTexts();
  const words = texts.webhooks;
  const { api } = useSession();
  const announce = useAnnounce();
  const [isShown, setShown] = useState(false);
  const secret = useResource("secret", (signal) => api.getWebhookSecret({ signal }));
  return (
    <Card
      title={words.secret}
      actions={
        <ConfirmButton
          title={words.rotateTitle}
          lead={words.rotateLead}
          confirm={words.rotate}
          dismiss={words.keep}
          work={async () => {
            secret.replace(await api.rotateWebhookSecret());
            announce(words.rotated);
          }}
        />
      }
    >
      <p class="fine">{words.secretLead}</p>
      <Loaded resource={secret}>
        {({ webhook_signing_secret: value }) => (
          <p class="row">
            <code>{isShown ? value : `whsec_${"•".repeat(12)}`}</code>
            <button type="button" class="small" aria-pressed={isShown} onClick={() => setShown(!isShown)}>
              {isShown ? texts.hide : texts.show}
            </button>
            <CopyButton value={value} label={words.secret} />
          </p>
        )}
      </Loaded>
    </Card>
  );
}

function Endpoints() {
  const { webhooks: words } = useTexts();
  const write = useFormats();
  const { api } = useSession();
  const list = useResource("endpoints", (signal) => api.listWebhooks({ signal }));
  return (
    <Card title={words.endpoints}>
      <Loaded resource={list}>
        {({ endpoints }) =>
          endpoints.length === 0 ? (
            <Empty title={words.endpointsEmpty} />
          ) : (
            <Table
              label={words.endpoints}
              rows={endpoints}
              keyOf={({ url }) => url}
              columns={[
                { head: words.address, isName: true, cell: ({ url }) => <span class="breaking">{url}</span> },
                {
                  head: words.state,
                  cell: ({ enabled }) => (
                    <span class={`badge ${enabled ? "good" : "bad"}`}>
                      {enabled ? words.enabled : words.disabled}
                    </span>
                  ),
                },
                { head: words.lastSuccess, cell: ({ last_success_at }) => write.time(last_success_at) },
                { head: words.lastFailure, cell: ({ last_failure_at }) => write.time(last_failure_at) },
              ]}
            />
          )
        }
      </Loaded>
    </Card>
  );
}

function Slack() {
  const texts = useTexts();
  const words = texts.webhooks;
  const { api } = useSession();
  const announce = useAnnounce();
  const [url, setUrl] = useState("");
  const [level, setLevel] = useState<(typeof SLACK_LEVELS)[number]>("all");
  const slack = useResource("slack", (signal) => api.getSlack({ signal }));
  const save = useAction(async () => {
    await api.saveSlack({ body: { webhook_url: url.trim(), notify_level: level } });
    announce(words.slackSaved);
    setUrl("");
    slack.reload();
  });
  const remove = useAction(async () => {
    await api.removeSlack();
    announce(words.slackRemoved);
    slack.reload();
  });
  return (
    <Card title={words.slack}>
      <p class="fine">{words.slackLead}</p>
      <Loaded resource={slack}>
        {({ configured, webhook_url, notify_level }) =>
          configured && (
            <div class="row spread">
              <span>
                <code>{webhook_url}</code> {notify_level && `(${words.levels[notify_level]})`}
              </span>
              <button
                type="button"
                class="danger"
                disabled={remove.isRunning}
                onClick={() => void remove.run()}
              >
                {words.slackRemove}
              </button>
            </div>
          )
        }
      </Loaded>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void save.run();
        }}
      >
        <div class="fields">
          <Labelled label={words.slackUrl} problem={issuesOf(save.error).webhook_url} isWide>
            {(ids) => (
              <input
                {...ids}
                type="url"
                placeholder="https://hooks.slack.com/…"
                value={url}
                onInput={(event) => setUrl(event.currentTarget.value)}
              />
            )}
          </Labelled>
          <Labelled label={texts.fields.notify_level[0] ?? ""}>
            {(ids) => (
              <select
                {...ids}
                value={level}
                onChange={(event) => setLevel(event.currentTarget.value as typeof level)}
              >
                {SLACK_LEVELS.map((name) => (
                  <option key={name} value={name}>
                    {words.levels[name]}
                  </option>
                ))}
              </select>
            )}
          </Labelled>
        </div>
        <ErrorAlert error={save.error ?? remove.error} />
        <div class="row">
          <button type="submit" disabled={save.isRunning || url.trim() === ""}>
            {texts.save}
          </button>
        </div>
      </form>
    </Card>
  );
}
