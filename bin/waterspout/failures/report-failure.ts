import { WaterspoutError } from "../../../schema/client.ts";
import type { Connection } from "../connection/connection.ts";
import type { Output } from "../terminal/output.ts";
import { CommandError } from "./command-error.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { explainUnreachable } from "./unreachable-text.ts";

/** What a failure is about. */
export interface FailureContext {
  /** One of several things that the command works on, such as a URL. */
  readonly subject?: string | undefined;
  /** The connection, once it is known: it says what to do about a refused key. */
  readonly connection?: Connection | undefined;
}

/** Says why a command failed, in sentences. @returns its exit code @throws unknown failures */
export function reportFailure(error: unknown, out: Output, about: FailureContext = {}): ExitCode {
  if (error instanceof CommandError) {
    out.failure({ error: error.message, ...subjectOf(about) }, withSubject(error.message, about));
    return error.exitCode;
  }
  if (!(error instanceof WaterspoutError)) throw error;
  const { code, status, issues, requestId } = error;
  const unreachable = explained(error, about);
  const message = unreachable?.message ?? error.message;
  const advice = unreachable ? unreachable.advice : adviceFor(error, about);
  out.failure(
    { error: message, code, status, issues, request_id: requestId, ...subjectOf(about) },
    [
      withSubject(message, about),
      // the sentence itself is about the first one
      ...issues.slice(1).map((issue) => `  ${issue.path}: ${issue.message}`),
      ...(advice === undefined ? [] : [`  ${advice}`]),
      ...(isFault(error) && requestId !== null ? [`  request ${requestId}`] : []),
    ].join("\n"),
  );
  return isPassing(error) ? EXIT.unreachable : EXIT.refused;
}

const subjectOf = ({ subject }: FailureContext) => (subject === undefined ? {} : { subject });
const withSubject = (message: string, { subject }: FailureContext) =>
  subject === undefined ? message : `${subject}: ${message}`;

const isFault = ({ status }: WaterspoutError): boolean => status === null || status >= 500;

const isPassing = (error: WaterspoutError): boolean =>
  isFault(error) || error.status === 429 || error.code === "unexpected_answer";

/** Whether the next request would fail in the same way, whatever it is: the server is away, or the key is refused. */
export const concernsAll = (error: unknown): boolean =>
  error instanceof WaterspoutError && (error.status === null || error.status === 401);

function explained(error: WaterspoutError, { connection }: FailureContext) {
  if (error.code !== "unreachable" || !connection) return null;
  const found = explainUnreachable(error, connection.url);
  if (!found) return null;
  return {
    message: `${new URL(connection.url).origin} cannot be reached: ${found.reason}`,
    advice: found.advice,
  };
}

function adviceFor(
  { code, status, issues }: WaterspoutError,
  { connection }: FailureContext,
): string | undefined {
  if (!connection) return undefined;
  if (status === 401)
    return `The key is from ${connection.credential ?? "nowhere"}; the server is ${connection.url}.`;
  if (code === "unexpected_answer") return `Is ${connection.url} the address of a Waterspout?`;
  const isPrivate = issues.some(({ message }) => message.startsWith("must be a public address"));
  return isPrivate && connection.isLocal ? PRIVATE_HOST_ADVICE : undefined;
}

/** For the person who runs the server. */
export const PRIVATE_HOST_ADVICE =
  "To allow a host of your own network, start the server with ALLOWED_PRIVATE_HOSTS=host:port (several with commas).";
