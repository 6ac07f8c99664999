import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import type { Action } from "../lib/use-action.ts";
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
