import { useEffect, useRef, useState } from "preact/hooks";
import { BulkRequest } from "../../../../../schema/api/batch.ts";
import { JobRequest } from "../../../../../schema/api/job-request.ts";
import type { CallInput } from "../../../../../schema/client.ts";
import { issuesOf } from "../../lib/error-text.ts";
import { bodyOf, type Entered, problemsOf } from "../../lib/request-fields.ts";
import { goTo, href } from "../../lib/route.ts";
import { useSession } from "../../lib/session.ts";
import { useAction } from "../../lib/use-action.ts";
import { useTexts } from "../../texts/texts.ts";
import { Alert, ErrorAlert } from "../../ui/alert.tsx";
import { Labelled } from "../../ui/field.tsx";
import { Loading } from "../../ui/loaded.tsx";
import { Card, Empty, Page } from "../../ui/page.tsx";
import { STORAGE_FIELDS } from "../../ui/storage-fields.tsx";
import { UrlField } from "../../ui/url-field.tsx";
import { OPTION_FIELDS } from "./option-groups.ts";
import { type EnteredStorage, Options } from "./options.tsx";
import { PlanCard, type Planned } from "./plan.tsx";

const NO_STORAGE: EnteredStorage = { isOwn: false, provider: "s3", entered: {} };

/** Plans a job and creates it, or creates a batch of several URLs. */
export function CreatePage({ url: given }: { readonly url: string }) {
  const texts = useTexts();
  const words = texts.create;
  const { api } = useSession();
  const [isSeveral, setSeveral] = useState(false);
  const [url, setUrl] = useState(given);
  const [urls, setUrls] = useState("");
  const [entered, setEntered] = useState<Entered>({});
  const [storage, setStorage] = useState(NO_STORAGE);
  const [problems, setProblems] = useState<Readonly<Record<string, string>>>({});
  const [planned, setPlanned] = useState<(Planned & { readonly of: string }) | null>(null);

  const options = {
    ...bodyOf(OPTION_FIELDS, entered),
    ...(storage.isOwn && {
      storage: { ...bodyOf(STORAGE_FIELDS[storage.provider], storage.entered), provider: storage.provider },
    }),
  };
  const single = { url: url.trim(), ...options };
  const bulk = { jobs: linesOf(urls).map((line) => ({ url: line })), ...options };
  /** Shows what the schema refuses. @returns whether it refuses nothing */
  const check = (): boolean => {
    const found = isSeveral ? problemsOf(BulkRequest, bulk) : problemsOf(JobRequest, single);
    setProblems(found);
    return Object.keys(found).length === 0;
  };
  const refuse = (error: unknown): never => {
    setProblems(issuesOf(error));
    throw error;
  };

  const plan = useAction(async () => {
    if (!check()) return;
    setPlanned(null);
    const [found, metadata] = await Promise.all([
      api.planJob({ body: single as CallInput<"planJob">["body"] }).catch(refuse),
      // the picture is an extra: the plan does not fail for it
      api.metadata({ body: { url: single.url } }).catch(() => null),
    ]);
    setPlanned({ plan: found, thumbnail: webAddress(metadata?.thumbnail), of: JSON.stringify(single) });
  });
  const create = useAction(async () => {
    if (!check()) return;
    const created = isSeveral
      ? await api.createBulk({ body: bulk as NonNullable<CallInput<"createBulk">["body"]> }).catch(refuse)
      : await api.createJob({ body: single as CallInput<"createJob">["body"] }).catch(refuse);
    goTo("job_id" in created ? href(`jobs/${created.job_id}`) : href(`batches/${created.batch_id}`));
  });

  const isFirst = useRef(true);
  useEffect(() => {
    if (isFirst.current && given !== "") void plan.run();
    isFirst.current = false;
  }, []);

  const isBatch = isSeveral || entered.batch === true;
  return (
    <Page title={words.title}>
      <form
        class="create"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void create.run();
        }}
      >
        <Card
          title={words.kind}
          actions={
            <fieldset class="switch">
              <legend class="hidden">{words.kind}</legend>
              {[false, true].map((several) => (
                <label key={String(several)}>
                  <input
                    type="radio"
                    name="kind"
                    checked={isSeveral === several}
                    onChange={() => setSeveral(several)}
                  />
                  {several ? words.several : words.one}
                </label>
              ))}
            </fieldset>
          }
        >
          {isSeveral ? (
            <Labelled
              label={words.urls}
              help={words.urlsHelp}
              problem={Object.entries(problems).find(([path]) => path.startsWith("jobs"))?.[1]}
              isWide
            >
              {(ids) => (
                <textarea
                  {...ids}
                  rows={6}
                  spellcheck={false}
                  value={urls}
                  onInput={(event) => setUrls(event.currentTarget.value)}
                />
              )}
            </Labelled>
          ) : (
            <div class="start">
              <UrlField
                label={words.url}
                help={words.urlHelp}
                problem={problems.url}
                value={url}
                onChange={setUrl}
              />
              <button type="button" disabled={plan.isRunning} onClick={() => void plan.run()}>
                {plan.isRunning ? words.planning : words.plan}
              </button>
            </div>
          )}
        </Card>
        {!isSeveral && <ErrorAlert error={plan.error} onRetry={() => void plan.run()} />}
        {!isSeveral && plan.isRunning && <Loading />}
        {!isSeveral && planned && (
          <PlanCard planned={planned} isStale={planned.of !== JSON.stringify(single)} />
        )}
        {!isSeveral && !planned && !plan.isRunning && <Empty title={words.planEmpty} />}
        <Card title={words.options}>
          <Options
            entered={entered}
            storage={storage}
            problems={problems}
            onChange={setEntered}
            onStorage={setStorage}
          />
        </Card>
        {Object.keys(problems).length > 0 && <Alert tone="bad">{words.invalid}</Alert>}
        <ErrorAlert error={create.error} />
        <div class="row">
          <button type="submit" class="primary" disabled={create.isRunning}>
            {create.isRunning ? words.creating : isBatch ? words.submitBatch : words.submit}
          </button>
          <button
            type="button"
            class="quiet"
            onClick={() => {
              setEntered({});
              setStorage(NO_STORAGE);
              setProblems({});
            }}
          >
            {words.reset}
          </button>
        </div>
      </form>
    </Page>
  );
}

const linesOf = (text: string): string[] => text.split("\n").flatMap((line) => line.trim() || []);

/** What a source calls a picture may be anything; only addresses of the web are loaded. */
const webAddress = (text: string | null | undefined): string | null =>
  text && URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) ? text : null;
