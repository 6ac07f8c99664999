import type { ComponentChildren } from "preact";
import { shownError } from "../lib/error-text.ts";
import { useTexts } from "../texts/texts.ts";

interface AlertProps {
  readonly tone: "bad" | "warn" | "good" | "info";
  readonly title?: string;
  readonly children: ComponentChildren;
  readonly action?: ComponentChildren;
}

/** A message within the page; failures interrupt a screen reader, other messages wait. */
export const Alert = ({ tone, title, children, action }: AlertProps) => (
  <div class={`alert ${tone}`} role={tone === "bad" ? "alert" : "status"}>
    <div>
      {title !== undefined && <strong>{title}</strong>}
      <div>{children}</div>
    </div>
    {action}
  </div>
);

interface ErrorAlertProps {
  readonly error: unknown;
  readonly onRetry?: (() => void) | undefined;
}

/** A failure, with its request id and, where it makes sense, another try. */
export function ErrorAlert({ error, onRetry }: ErrorAlertProps) {
  const texts = useTexts();
  if (error === undefined || error === null) return null;
  const { sentence, requestId } = shownError(error, texts);
  return (
    <Alert
      tone="bad"
      title={texts.errors.title}
      action={
        onRetry && (
          <button type="button" onClick={onRetry}>
            {texts.retryNow}
          </button>
        )
      }
    >
      {sentence}
      {requestId !== null && (
        <p class="fine">
          {texts.reference}: <code>{requestId}</code>
        </p>
      )}
    </Alert>
  );
}
