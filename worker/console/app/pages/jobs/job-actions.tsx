import { useState } from "preact/hooks";
import type { Job } from "../../../../../schema/api/job.ts";
import { INLINE_PROVIDERS, type Provider } from "../../../../../schema/api/storage.ts";
import type { CallInput } from "../../../../../schema/client.ts";
import { isFinal } from "../../../../../schema/states.ts";
import { issuesOf } from "../../lib/error-text.ts";
import { bodyOf, type Entered } from "../../lib/request-fields.ts";
import { goTo, href } from "../../lib/route.ts";
import { useSession } from "../../lib/session.ts";
import { useTexts } from "../../texts/texts.ts";
import { useAnnounce } from "../../ui/announcer.tsx";
import { ConfirmButton } from "../../ui/confirm.tsx";
import { STORAGE_FIELDS, StorageFields } from "../../ui/storage-fields.tsx";

interface JobActionsProps {
  readonly job: Job;
  readonly onChange: () => void;
}

/** What a person may do with a job in its state. */
export function JobActions({ job, onChange }: JobActionsProps) {
  const { job: words, cancel } = useTexts();
  const { api } = useSession();
  const announce = useAnnounce();
  const storage = useSentStorage();
  const params = { id: job.id };
  const mayRetry = isFinal(job.status) && job.status !== "Completed";
  const mayDelete = job.status === "Completed" && job.s3_key !== null && job.file_replaced_by === null;
  return (
    <>
      {!isFinal(job.status) && (
        <ConfirmButton
          title={words.cancelTitle}
          lead={words.cancelLead}
          confirm={words.cancelJob}
          dismiss={words.keep}
          isDangerous
          work={async () => {
            await api.cancelJob({ params });
            announce(words.cancelled);
            onChange();
          }}
        />
      )}
      {mayRetry && (
        <ConfirmButton
          title={words.retryTitle}
          lead={words.retryLead}
          confirm={words.retry}
          dismiss={cancel}
          look="primary"
          fields={storage.form}
          work={async () => {
            const { job_id } = await api.retryJob({ params, ...storage.body() });
            announce(words.retried);
            goTo(href(`jobs/${job_id}`));
          }}
        />
      )}
      {mayDelete && (
        <ConfirmButton
          title={words.deleteTitle}
          lead={words.deleteLead}
          confirm={words.deleteFile}
          dismiss={words.keepFile}
          isDangerous
          fields={storage.form}
          work={async () => {
            await api.deleteFile({ params, ...storage.body() });
            announce(words.deleted);
            onChange();
          }}
        />
      )}
    </>
  );
}

/** Credentials of a storage that was sent with the job: the service does not keep them. */
function useSentStorage() {
  const { job: words } = useTexts();
  const [isOpen, setOpen] = useState(false);
  const [provider, setProvider] = useState<Provider>("s3");
  const [entered, setEntered] = useState<Entered>({});
  return {
    body: (): Pick<CallInput<"retryJob">, "body"> => {
      const storage = { ...bodyOf(STORAGE_FIELDS[provider], entered), provider };
      return isOpen ? { body: { storage } as NonNullable<CallInput<"retryJob">["body"]> } : {};
    },
    form: (error: unknown) => (
      <details class="plain" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>{words.sendStorage}</summary>
        <p class="fine">{words.sendStorageHelp}</p>
        {isOpen && (
          <StorageFields
            providers={INLINE_PROVIDERS}
            provider={provider}
            entered={entered}
            problems={Object.fromEntries(
              Object.entries(issuesOf(error)).map(([path, text]) => [path.replace(/^storage\./, ""), text]),
            )}
            onProvider={setProvider}
            onChange={setEntered}
          />
        )}
      </details>
    ),
  };
}
