/** How `waterspout` ends. */
export const EXIT = {
  ok: 0,
  jobFailed: 1,
  usage: 2,
  refused: 3,
  unreachable: 4,
  local: 5,
  defect: 70,
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_MEANINGS: Readonly<Record<ExitCode, string>> = {
  0: "success; every job that was waited for is Completed",
  1: "a job that was waited for did not complete, or several URLs failed in different ways",
  2: "usage error",
  3: "the API refused the request",
  4: "the API cannot be reached, or is temporarily unavailable",
  5: "a file on this machine cannot be read or written",
  70: "the command itself failed; please report it",
  130: "interrupted by Ctrl-C; what was created continues on the server",
};

/** The exit code of several parts: 0 if all succeeded, the failures' own code if they share one, else 1. */
export function combinedCode(codes: readonly ExitCode[]): ExitCode {
  const [code = EXIT.ok, ...others] = new Set(codes.filter((each) => each !== EXIT.ok));
  return others.length === 0 ? code : EXIT.jobFailed;
}
