import { WaterspoutError } from "../../../../schema/client.ts";
import type { Texts } from "../texts/en.ts";

/** What to show of a failure. */
export interface ShownError {
  readonly sentence: string;
  readonly requestId: string | null;
}

/**
 * The server's own sentence is the most specific; failures that are not the server's have one in the person's language.
 */
export function shownError(error: unknown, texts: Texts): ShownError {
  if (!(error instanceof WaterspoutError)) return { sentence: texts.errors.unexpected, requestId: null };
  const { code, message, issues, requestId } = error;
  if (code === "unreachable") return { sentence: texts.errors.unreachable, requestId };
  if (code === "unexpected_answer") return { sentence: texts.errors.unexpected, requestId };
  const [issue] = issues;
  if (issue && !message.includes(issue.message)) {
    return { sentence: `${message}: ${issue.path} ${issue.message}`, requestId };
  }
  return { sentence: message, requestId };
}

/** What a person can do about a job's error code. */
export const adviceFor = (code: string | null, { advice }: Texts): string =>
  (advice as Readonly<Record<string, string>>)[code ?? "other"] ?? advice.other;

/** The problems that the server or the schema found, by the name of the field. */
export function issuesOf(error: unknown): Readonly<Record<string, string>> {
  if (!(error instanceof WaterspoutError)) return {};
  return Object.fromEntries(error.issues.map(({ path, message }) => [String(path), message]));
}
