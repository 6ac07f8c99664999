import { WaterspoutError } from "../../../schema/client.ts";
import type { Output } from "../terminal/output.ts";
import { CommandError } from "./command-error.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";

/** Says why a command failed, in sentences. @returns its exit code @throws unknown failures */
export function reportFailure(error: unknown, out: Output): ExitCode {
  if (error instanceof CommandError) {
    out.failure({ error: error.message }, `waterspout: ${error.message}`);
    return error.exitCode;
  }
  if (!(error instanceof WaterspoutError)) throw error;
  const { message, code, status, issues, requestId } = error;
  const fault = status === null || status >= 500;
  out.failure(
    { error: message, code, status, issues, request_id: requestId },
    [
      `waterspout: ${message}`,
      // the sentence itself is about the first one
      ...issues.slice(1).map((issue) => `  ${issue.path}: ${issue.message}`),
      ...(fault && requestId !== null ? [`  request ${requestId}`] : []),
    ].join("\n"),
  );
  const passing = status === null || status === 429 || status >= 500 || code === "unexpected_answer";
  return passing ? EXIT.unreachable : EXIT.refused;
}
