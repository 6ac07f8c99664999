import { describe, expect, it } from "vitest";
import { ServiceFault, SourceFault } from "../../processor/fault.ts";
import { failureOf, responseFailure, StorageFailedError } from "../../processor/storage/failure.ts";
import { Retrier } from "../../processor/storage/retrier.ts";

const systemError = (code: string) => Object.assign(new Error(`secret ${code}`), { code });

describe("what a failed request to a storage means", () => {
  it.each([
    ["a name without address", systemError("ENOTFOUND"), "upload_failed", "UnknownHost (ENOTFOUND)", true],
    [
      "an expired certificate",
      systemError("CERT_HAS_EXPIRED"),
      "upload_refused",
      "TlsFailed (CERT_HAS_EXPIRED)",
      false,
    ],
    [
      "a certificate for another name",
      systemError("ERR_TLS_CERT_ALTNAME_INVALID"),
      "upload_refused",
      "TlsFailed (ERR_TLS_CERT_ALTNAME_INVALID)",
      false,
    ],
    [
      "a refused connection",
      systemError("ECONNREFUSED"),
      "upload_failed",
      "the storage could not be reached (ECONNREFUSED)",
      true,
    ],
    [
      "a fault of the dialling",
      new SourceFault("network", "x", { cause: systemError("ECONNRESET") }),
      "upload_failed",
      "the storage could not be reached (ECONNRESET)",
      true,
    ],
    [
      "a forbidden host",
      new SourceFault("egress_blocked", "10.0.0.1:80 refused: private address"),
      "upload_refused",
      "EgressBlocked: 10.0.0.1:80 refused: private address",
      false,
    ],
    [
      "an error without a code",
      new Error("secret"),
      "upload_failed",
      "the storage could not be reached",
      true,
    ],
  ] as const)("%s", (_case, error, code, detail, retryable) => {
    expect(failureOf(error)).toEqual({ code, detail, retryable });
  });

  it("leaves other kinds of faults as they are", () => {
    const fault = new ServiceFault("internal", "a bug");
    expect(() => failureOf(fault)).toThrow(fault);
  });

  it.each([
    [403, "AuthenticationFailed", "upload_refused", false],
    [404, "ContainerNotFound", "upload_refused", false],
    [400, "invalid_grant", "upload_refused", false],
    [503, "ServerBusy", "upload_failed", true],
    [500, "OperationTimedOut", "upload_failed", true],
    [412, "ConditionNotMet", "upload_failed", false],
    [400, "InvalidBlockList", "upload_failed", false],
  ])("%i %s is %s, repeated: %s", (status, name, code, retryable) => {
    expect(responseFailure({ status, code: name, message: "" })).toMatchObject({
      code,
      retryable,
      detail: `${name} (${status})`,
    });
  });
});

describe("retrying", () => {
  const delays: number[] = [];
  const clock = { sleep: async (ms: number) => void delays.push(ms), random: () => 0, now: () => 0 };

  it("ends after its attempts, obeys Retry-After up to a minute, and hides secrets", async () => {
    const retrier = new Retrier({ clock, attempts: 4, secrets: ["hunter2", ""] });
    let tries = 0;
    const failing = retrier.run(async () => {
      tries++;
      const message = "the key hunter2 is busy";
      throw new StorageFailedError(
        responseFailure({ status: 503, code: "SlowDown", message }, { retryAfterMs: 90_000 }),
      );
    });
    await expect(failing).rejects.toMatchObject({ detail: "SlowDown (503): the key *** is busy" });
    expect(tries).toBe(4);
    expect(delays).toEqual([60_000, 60_000, 60_000]);
  });
});
