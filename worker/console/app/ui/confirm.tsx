import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { type Action, useAction } from "../lib/use-action.ts";
import { ErrorAlert } from "./alert.tsx";

interface ConfirmProps {
  readonly title: string;
  readonly lead: string;
  /** Words of the buttons. */
  readonly confirm: string;
  readonly dismiss: string;
  readonly isDangerous?: boolean;
  readonly action: Action<[]>;
  readonly onClose: () => void;
  readonly children?: ComponentChildren;
}

/** Asks before something that cannot be undone; Escape and the second button close it. */
export function Confirm({
  title,
  lead,
  confirm,
  dismiss,
  isDangerous,
  action,
  onClose,
  children,
}: ConfirmProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={onClose}>
      <form
        method="dialog"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void action.run();
        }}
      >
        <h2 id={id}>{title}</h2>
        <p>{lead}</p>
        {children}
        <ErrorAlert error={action.error} />
        <div class="row end">
          <button type="button" onClick={() => dialog.current?.close()}>
            {dismiss}
          </button>
          <button type="submit" class={isDangerous ? "danger" : "primary"} disabled={action.isRunning}>
            {confirm}
          </button>
        </div>
      </form>
    </dialog>
  );
}

interface ConfirmButtonProps extends Omit<ConfirmProps, "action" | "onClose" | "children"> {
  /** Look of the button; by default that of its kind. */
  readonly look?: "primary";
  /** Closes the dialog when it succeeds; its failure is shown in the dialog. */
  readonly work: () => Promise<void>;
  /** Further fields of the dialog. @param error of the last try */
  readonly fields?: (error: unknown) => ComponentChildren;
}

/** A button that asks before it acts. Button and dialog name the action in the same words. */
export function ConfirmButton({ look, work, fields, ...dialog }: ConfirmButtonProps) {
  const [isAsked, setAsked] = useState(false);
  const action = useAction(async () => {
    await work();
    setAsked(false);
  });
  return (
    <>
      <button
        type="button"
        class={look ?? (dialog.isDangerous ? "danger" : undefined)}
        onClick={() => setAsked(true)}
      >
        {dialog.confirm}
      </button>
      {isAsked && (
        <Confirm {...dialog} action={action} onClose={() => setAsked(false)}>
          {fields?.(action.error)}
        </Confirm>
      )}
    </>
  );
}
