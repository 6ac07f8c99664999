import { JOB_ERRORS, type JobErrorCode, type JobErrorCodeOf, type Party } from "../schema/errors.ts";

export interface FaultOptions {
  readonly cause?: unknown;
  /** How long the source or the storage asked to wait, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** False: waiting for hours does not help, even if the class of the failure suggests it. */
  readonly transient?: boolean | undefined;
  /** True: the name of the host does not exist. */
  readonly unknownHost?: boolean | undefined;
  readonly suspicion?: Suspicion | undefined;
  /** What the failure is about, for its sentence: a host or a permission. Never a secret. */
  readonly subject?: string | undefined;
}

/**
 * Whether the version of yt-dlp may be the reason of a failure, so that another one may not fail. `likely`: it says itself
 * that it cannot read the page; `possible`: it found no media, or took too long.
 */
export type Suspicion = "likely" | "possible";

/**
 * A failure that has a class of its own in the error table. `message` is that table's sentence, safe to show to a
 * person; `detail` is for logs only and may name tools, paths and hosts. Each party has its own
 * class of faults, which accepts only its codes, so that a failure of a storage cannot count against a source.
 *
 * @example throw new SourceFault("network", "connect ECONNREFUSED", { cause: error })
 */
export abstract class Fault extends Error {
  override readonly name = "Fault";
  abstract readonly party: Party;
  readonly code: JobErrorCode;
  readonly detail: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly transient: boolean | undefined;
  readonly subject: string | null;
  readonly suspicion: Suspicion | undefined;
  readonly #unknownHost: boolean;

  protected constructor(code: JobErrorCode, detail?: string, options: FaultOptions = {}) {
    super(JOB_ERRORS[code].sentence, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = detail;
    this.retryAfterMs = options.retryAfterMs;
    this.transient = options.transient;
    this.subject = options.subject ?? null;
    this.suspicion = options.suspicion;
    this.#unknownHost = options.unknownHost ?? false;
  }

  /**
   * The code that people see. Within a run, a host that does not exist is a failure of the network like any other, since
   * another server of the source may have the file.
   */
  get reportedCode(): JobErrorCode {
    return this.code === "network" && this.#unknownHost ? "host_not_found" : this.code;
  }

  /** The failure as the Worker gets it. */
  get report(): { code: JobErrorCode; subject: string | null; retry_after_ms: number | null } {
    return { code: this.reportedCode, subject: this.subject, retry_after_ms: this.retryAfterMs ?? null };
  }

  /** The job ends with it, without another try. */
  get isFinal(): boolean {
    return JOB_ERRORS[this.code].retry === "never";
  }

  /** A fault of the code's party, for codes that are only known at run time. */
  static of(code: JobErrorCode, detail?: string, options?: FaultOptions): Fault {
    if (isCodeOf("storage", code)) return new StorageFault(code, detail, options);
    if (isCodeOf("service", code)) return new ServiceFault(code, detail, options);
    return new SourceFault(code as JobErrorCodeOf<"source">, detail, options);
  }

  /** `error` itself when it is a Fault; anything else becomes a Fault of class `code`. */
  static from(error: unknown, code: JobErrorCode): Fault {
    if (error instanceof Fault) return error;
    return Fault.of(code, error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** The source refused, is not reachable, or does not have what was requested. */
export class SourceFault extends Fault {
  readonly party = "source";

  constructor(code: JobErrorCodeOf<"source">, detail?: string, options?: FaultOptions) {
    super(code, detail, options);
  }
}

/** The storage refused or is not reachable. */
export class StorageFault extends Fault {
  readonly party = "storage";

  constructor(code: JobErrorCodeOf<"storage">, detail?: string, options?: FaultOptions) {
    super(code, detail, options);
  }
}

/** This service failed, or a limit of it was reached. */
export class ServiceFault extends Fault {
  readonly party = "service";

  constructor(code: JobErrorCodeOf<"service">, detail?: string, options?: FaultOptions) {
    super(code, detail, options);
  }
}

/** True for a full disk, whether a run found it full beforehand or the system reports it. */
export const isDiskFull = (error: unknown): boolean =>
  error instanceof Fault
    ? error.code === "disk_full"
    : error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT");

function isCodeOf<P extends Party>(party: P, code: JobErrorCode): code is JobErrorCodeOf<P> {
  return JOB_ERRORS[code].party === party;
}
