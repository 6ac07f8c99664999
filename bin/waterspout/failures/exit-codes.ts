/** How `waterspout` ends. */
export const EXIT = { ok: 0, jobFailed: 1, usage: 2, refused: 3, unreachable: 4, local: 5 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_MEANINGS: Readonly<Record<ExitCode, string>> = {
  0: "success; a job that was waited for is Completed",
  1: "a job that was waited for did not complete",
  2: "usage error",
  3: "the API refused the request",
  4: "the API cannot be reached, or is temporarily unavailable",
  5: "a file on this machine cannot be read or written",
};
