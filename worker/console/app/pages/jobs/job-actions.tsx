import { useState } from "preact/hooks";
import type { Job } from "../../../../../schema/api/job.ts";
import { INLINE_PROVIDERS, type Provider } from "../../../../../schema/api/storage.ts";
import type { CallInput } from "../../../../../schema/client.ts";
import { isFinal } from "../../../../../schema/states.ts";
import { issuesOf } from "../../lib/error-text.ts";
import { bodyOf, type Entered } from "../../lib/request-fields.ts";
import { goTo, href } from "../../lib/route.ts";
import { useSession } from "../../lib/session.ts";
import { useAction } from "../../lib/use-action.ts";
import { useTexts } from "../../texts/texts.ts";
import { useAnnounce } from "../../ui/announcer.tsx";
import { Confirm } from "../../ui/confirm.tsx";
import { STORAGE_FIELDS, StorageFields } from "../../ui/storage-fields.tsx";

interface JobActionsProps {
  readonly job: Job;
  readonly onChange: () => void;
}

/** What a person may do with a job in its state. */
export function JobActions({ job, onChange }: JobActionsProps) {
  const { job: words } = useTexts();
  const [asked, setAsked] = useState<"cancel" | "retry" | "delete" | null>(null);
  const close = () => setAsked(null);
  const mayRetry = isFinal(job.status) && job.status !== "Completed";
  const mayDelete = job.status === "Completed" && job.s3_key !== null && job.file_replaced_by === null;
  return (
    <>
      {!isFinal(job.status) && (
        <button type="button" class="danger" onClick={() => setAsked("cancel")}>
          {words.cancelJob}
        </button>
      )}
      {mayRetry && (
        <button type="button" class="primary" onClick={() => setAsked("retry")}>
          {words.retry}
        </button>
      )}
      {mayDelete && (
        <button type="button" class="danger" onClick={() => setAsked("delete")}>
          {words.deleteFile}
        </button>
      )}
      {asked === "cancel" && <CancelDialog job={job} onChange={onChange} onClose={close} />}
      {asked === "retry" && <RetryDialog job={job} onClose={close} />}
      {asked === "delete" && <DeleteDialog job={job} onChange={onChange} onClose={close} />}
    </>
  );
}

interface DialogProps extends JobActionsProps {
  readonly onClose: () => void;
}

function CancelDialog({ job, onChange, onClose }: DialogProps) {
  const { job: words } = useTexts();
  const { api } = useSession();
  const announce = useAnnounce();
  const cancel = useAction(async () => {
    await api.cancelJob({ params: { id: job.id } });
    announce(words.cancelled);
    onClose();
    onChange();
  });
  return (
    <Confirm
      title={words.cancelTitle}
      lead={words.cancelLead}
      confirm={words.cancelJob}
      dismiss={words.keep}
      isDangerous
      action={cancel}
      onClose={onClose}
    />
  );
}

function RetryDialog({ job, onClose }: Omit<DialogProps, "onChange">) {
  const { job: words, cancel } = useTexts();
  const { api } = useSession();
  const announce = useAnnounce();
  const storage = useSentStorage();
  const retry = useAction(async () => {
    const { job_id } = await api.retryJob({ params: { id: job.id }, ...storage.body() });
    announce(words.retried);
    goTo(href(`jobs/${job_id}`));
  });
  return (
    <Confirm
      title={words.retryTitle}
      lead={words.retryLead}
      confirm={words.retry}
      dismiss={cancel}
      action={retry}
      onClose={onClose}
    >
      {storage.form(retry.error)}
    </Confirm>
  );
}

function DeleteDialog({ job, onChange, onClose }: DialogProps) {
  const { job: words } = useTexts();
  const { api } = useSession();
  const announce = useAnnounce();
  const storage = useSentStorage();
  const remove = useAction(async () => {
    await api.deleteFile({ params: { id: job.id }, ...storage.body() });
    announce(words.deleted);
    onClose();
    onChange();
  });
  return (
    <Confirm
      title={words.deleteTitle}
      lead={words.deleteLead}
      confirm={words.deleteFile}
      dismiss={words.keepFile}
      isDangerous
      action={remove}
      onClose={onClose}
    >
      {storage.form(remove.error)}
    </Confirm>
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
      <details class="plain" onToggle={(event) => setOpen(event.currentTarget.open)}>
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
