import type { ServerResponse } from "node:http";

/** An error response of Google's APIs. */
export class DriveRefusedError extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/** The body that Google sends for a reason. */
export const refusalBody = (status: number, reason: string, message = reason): string =>
  JSON.stringify({ error: { code: status, message, errors: [{ domain: "global", reason, message }] } });

export const notFound = (id: string): DriveRefusedError =>
  new DriveRefusedError(404, "notFound", `File not found: ${id}.`);

export function sendRefusal(res: ServerResponse, error: unknown): void {
  const refusal =
    error instanceof DriveRefusedError
      ? error
      : new DriveRefusedError(500, "backendError", `the double: ${String(error)}`);
  res.writeHead(refusal.status, { "content-type": "application/json; charset=UTF-8" });
  res.end(refusalBody(refusal.status, refusal.reason, refusal.message));
}
