import { JOB_ERRORS, type JobErrorCode } from "../schema/errors.ts";

export interface FaultOptions {
  readonly cause?: unknown;
  /** How long the source or the storage asked to be left alone, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/**
 * A failure that has a class of its own in the error table. `message` is that table's sentence, safe to show to a
 * person; `detail` is for logs only and may name tools, paths and hosts.
 *
 * @example throw new Fault("network", "connect ECONNREFUSED", { cause: error })
 */
export class Fault extends Error {
  override readonly name = "Fault";
  readonly code: JobErrorCode;
  readonly detail: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: JobErrorCode, detail?: string, options: FaultOptions = {}) {
    super(JOB_ERRORS[code].sentence, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = detail;
    this.retryAfterMs = options.retryAfterMs;
  }

  /** The job ends with it; no other try follows. */
  get isFinal(): boolean {
    return JOB_ERRORS[this.code].retry === "never";
  }

  /** `error` itself when it is a Fault; anything else becomes a Fault of class `code`. */
  static from(error: unknown, code: JobErrorCode): Fault {
    if (error instanceof Fault) return error;
    return new Fault(code, error instanceof Error ? error.message : String(error), { cause: error });
  }
}
