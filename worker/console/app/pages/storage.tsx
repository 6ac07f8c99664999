import { useState } from "preact/hooks";
import { PROVIDERS, type Provider } from "../../../../schema/api/storage.ts";
import type { CallInput, CallName, CallResponse, Client } from "../../../../schema/client.ts";
import { issuesOf } from "../lib/error-text.ts";
import { useFormats } from "../lib/format.ts";
import { bodyOf, type Entered, problemsOf } from "../lib/request-fields.ts";
import { useSession } from "../lib/session.ts";
import { STORAGE_SCHEMAS } from "../lib/storage-schemas.ts";
import { useAction } from "../lib/use-action.ts";
import { useResource } from "../lib/use-resource.ts";
import { textOr, useTexts } from "../texts/texts.ts";
import { Adjustments } from "../ui/adjustments.tsx";
import { Alert, ErrorAlert } from "../ui/alert.tsx";
import { useAnnounce } from "../ui/announcer.tsx";
import { ConfirmButton } from "../ui/confirm.tsx";
import { Facts } from "../ui/facts.tsx";
import { Loaded } from "../ui/loaded.tsx";
import { Card, Page } from "../ui/page.tsx";
import { STORAGE_FIELDS, StorageFields } from "../ui/storage-fields.tsx";

type View = CallResponse<"getS3Storage">;
type Saved = CallResponse<"setS3Storage">;

/** The calls of each provider. */
const callsOf = (api: Client) =>
  ({
    s3: { get: api.getS3Storage, remove: api.removeS3Storage, set: api.setS3Storage },
    blob: { get: api.getBlobStorage, remove: api.removeBlobStorage, set: api.setBlobStorage },
    gcs: { get: api.getGcsStorage, remove: api.removeGcsStorage, set: api.setGcsStorage },
    oss: { get: api.getOssStorage, remove: api.removeOssStorage, set: api.setOssStorage },
    gdrive: { get: api.getGdriveStorage, remove: api.removeGdriveStorage, set: api.setGdriveStorage },
  }) as const;

export function StoragePage() {
  const texts = useTexts();
  const words = texts.storage;
  const { api } = useSession();
  const current = useResource("storage", async (signal) => {
    const views = await Promise.all(PROVIDERS.map((provider) => callsOf(api)[provider].get({ signal })));
    return { view: views.find(({ configured }) => configured) ?? null };
  });
  return (
    <Page title={words.title}>
      <p class="lead">{words.lead}</p>
      <Loaded resource={current}>
        {({ view }) => (
          <>
            <CurrentStorage view={view} onChange={current.reload} />
            <SetStorage isReplaced={view !== null} onChange={current.reload} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

interface CurrentStorageProps {
  readonly view: View | null;
  readonly onChange: () => void;
}

function CurrentStorage({ view, onChange }: CurrentStorageProps) {
  const texts = useTexts();
  const { storage: words, create } = texts;
  const write = useFormats();
  const { api } = useSession();
  const announce = useAnnounce();
  const [tested, setTested] = useState<CallResponse<"testStorage"> | null>(null);
  const test = useAction(async () => {
    setTested(null);
    setTested(await api.testStorage());
  });
  if (view === null) {
    return (
      <Card title={words.current}>
        <p>{words.managed}</p>
        <p class="fine">{words.managedHelp}</p>
      </Card>
    );
  }
  return (
    <Card
      title={words.current}
      actions={
        <>
          <button type="button" disabled={test.isRunning} onClick={() => void test.run()}>
            {test.isRunning ? words.testing : words.test}
          </button>
          <ConfirmButton
            title={words.removeTitle}
            lead={words.removeLead}
            confirm={words.remove}
            dismiss={words.keep}
            isDangerous
            work={async () => {
              await callsOf(api)[view.provider].remove();
              announce(words.removed);
              onChange();
            }}
          />
        </>
      }
    >
      {tested !== null && (
        <Alert tone="good">
          {words.tested}
          <Adjustments title={create.adjustments} adjustments={tested.adjustments ?? []} />
        </Alert>
      )}
      <ErrorAlert error={test.error} />
      <Facts
        rows={[
          [texts.fields.provider[0] ?? "", textOr(texts.providers, view.provider)],
          [words.where, view.container_or_bucket],
          [texts.fields.endpoint[0] ?? "", view.endpoint],
          [texts.fields.region[0] ?? "", view.region],
          [texts.fields.base_folder[0] ?? "", view.base_folder],
          [texts.fields.folder_prefix[0] ?? "", view.folder_prefix],
          [words.key, view.access_key_masked && <code>{view.access_key_masked}</code>],
          [words.changed, write.time(view.last_modified)],
        ]}
      />
    </Card>
  );
}

interface SetStorageProps {
  readonly isReplaced: boolean;
  readonly onChange: () => void;
}

function SetStorage({ isReplaced, onChange }: SetStorageProps) {
  const { storage: words, create } = useTexts();
  const { api } = useSession();
  const [provider, setProvider] = useState<Provider>("s3");
  const [entered, setEntered] = useState<Entered>({});
  const [problems, setProblems] = useState<Readonly<Record<string, string>>>({});
  const [saved, setSaved] = useState<Saved | null>(null);
  const save = useAction(async () => {
    setSaved(null);
    const body = bodyOf(STORAGE_FIELDS[provider], entered);
    const found = problemsOf(STORAGE_SCHEMAS[provider], body);
    setProblems(found);
    if (Object.keys(found).length > 0) return;
    try {
      setSaved(await saveStorage(api, provider, body));
      setEntered({});
      onChange();
    } catch (error) {
      setProblems(issuesOf(error));
      throw error;
    }
  });
  return (
    <Card title={isReplaced ? words.replace : words.set}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void save.run();
        }}
      >
        <p class="fine">{words.testLead}</p>
        <StorageFields
          providers={PROVIDERS}
          provider={provider}
          entered={entered}
          problems={problems}
          onProvider={setProvider}
          onChange={setEntered}
        />
        {saved !== null && (
          <Alert tone="good">
            {words.saved}
            <Adjustments title={create.adjustments} adjustments={saved.adjustments ?? []} />
          </Alert>
        )}
        <ErrorAlert error={save.error} />
        <div class="row">
          <button type="submit" class="primary" disabled={save.isRunning}>
            {save.isRunning ? words.testing : words.testAndSave}
          </button>
        </div>
      </form>
    </Card>
  );
}

type Sent<N extends CallName> = NonNullable<(CallInput<N> & { body?: unknown })["body"]>;

/** The body was checked against the provider's schema. */
async function saveStorage(api: Client, provider: Provider, body: unknown): Promise<Saved> {
  const calls = callsOf(api);
  switch (provider) {
    case "s3":
      return calls.s3.set({ body: body as Sent<"setS3Storage"> });
    case "blob":
      return calls.blob.set({ body: body as Sent<"setBlobStorage"> });
    case "gcs":
      return calls.gcs.set({ body: body as Sent<"setGcsStorage"> });
    case "oss":
      return calls.oss.set({ body: body as Sent<"setOssStorage"> });
    case "gdrive":
      return calls.gdrive.set({ body: body as Sent<"setGdriveStorage"> });
  }
}
