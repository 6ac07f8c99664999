import type { ErrorHandler } from "hono";
import type { ErrorBody, ProblemBody } from "../../schema/api/error.ts";
import { DatabaseError } from "../db/connection.ts";
import { ApiError, dependencyUnavailable } from "../lib/api-error.ts";
import type { AppEnv } from "../routes/route.ts";

/** The one place that turns exceptions into responses. Their messages only go to the log. */
export const onError: ErrorHandler<AppEnv> = (error, c) => {
  const refusal = refusalOf(error);
  // the log line reads the refusal from here
  c.error = refusal;
  if (refusal.retryAfterSeconds !== undefined) c.header("retry-after", String(refusal.retryAfterSeconds));
  if (refusal.allow !== undefined) c.header("allow", refusal.allow);
  // who blocks it, as RFC 7725 demands of this status
  if (refusal.status === 451) c.header("link", `<${new URL(c.req.url).origin}/>; rel="blocked-by"`);
  const isProblem = (c.req.header("accept") ?? "").includes("application/problem+json");
  const requestId = c.get("requestId");
  return isProblem
    ? c.json(problemOf(refusal, requestId), refusal.status, { "content-type": "application/problem+json" })
    : c.json(bodyOf(refusal, requestId), refusal.status);
};

function refusalOf(error: Error): ApiError {
  if (error instanceof ApiError) return error;
  const fromDatabase = error instanceof DatabaseError || error.cause instanceof DatabaseError;
  return fromDatabase ? dependencyUnavailable(error) : new ApiError("internal", { cause: error });
}

function bodyOf({ message, code, issues, details }: ApiError, request_id: string): ErrorBody {
  return { error: message, code, request_id, ...(issues ? { issues: [...issues] } : {}), ...details };
}

function problemOf({ message, code, status, issues, details }: ApiError, request_id: string): ProblemBody {
  return {
    type: `urn:waterspout:error:${code}`,
    title: code.replaceAll("_", " "),
    status,
    detail: message,
    instance: `urn:waterspout:request:${request_id}`,
    code,
    request_id,
    ...(issues ? { issues: [...issues] } : {}),
    ...details,
  };
}
