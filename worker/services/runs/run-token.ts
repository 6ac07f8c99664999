import { hmacSign, hmacVerify } from "../../lib/digest.ts";

/** Bearer token of one run's callbacks, valid only for one claim of one job. */
export const runToken = (secret: string, jobId: string, attempt: number): Promise<string> =>
  hmacSign(secret, messageOf(jobId, attempt));

/** Checks a token in constant time. */
export const isRunToken = (secret: string, jobId: string, attempt: number, token: string): Promise<boolean> =>
  hmacVerify(secret, messageOf(jobId, attempt), token);

const messageOf = (jobId: string, attempt: number): string => `run:${jobId}:${attempt}`;
