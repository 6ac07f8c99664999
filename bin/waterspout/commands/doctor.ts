import type { Readiness } from "../../../schema/api/health.ts";
import type { ReadinessCheck } from "../../../schema/readiness-check.ts";
import type { Command } from "../command.ts";
import { fetchReadiness } from "../connection/fetch-readiness.ts";
import { EXIT } from "../failures/exit-codes.ts";
import { type Paint, paintState } from "../terminal/paint.ts";

/** `waterspout doctor`: what the service reports about itself, with what to do about it. */
export const doctor: Command = {
  summary: "Check an installation: database, queue, storage, processor, yt-dlp, ffmpeg, cookies, clock",
  needs: "nothing",
  examples: ["doctor", "doctor --json"],
  async run(_args, { connection: { url }, out, signal }) {
    const readiness = await fetchReadiness(url, signal);
    const checks = checksOf(readiness);
    out.result({ status: readiness.status, checks }, () => reportOf(readiness.status, checks, out.paint));
    return readiness.status === "unavailable" ? EXIT.unreachable : EXIT.ok;
  },
};

/** One list of everything that was checked, the parts of the service first. */
export function checksOf({ parts: { processor, ...others } }: Readiness): ReadinessCheck[] {
  return [
    ...Object.entries(others).map(([name, { ok, detail }]) => partCheck(name, ok, detail)),
    processorCheck(processor),
    ...processor.checks,
  ];
}

/** A part that works but has a detail to report is a warning. */
function partCheck(name: string, ok: boolean, detail: string | undefined): ReadinessCheck {
  if (!ok) return { name, status: "failed", detail: detail ?? "it does not work" };
  return { name, status: detail === undefined ? "ok" : "warning", detail: detail ?? "it works" };
}

function processorCheck({ ok, detail, checks }: Readiness["parts"]["processor"]): ReadinessCheck {
  const name = "processor";
  if (checks.some(({ status }) => status === "failed")) {
    return { name, status: "failed", detail: "it responds, and says below why its jobs fail" };
  }
  if (!ok || detail !== undefined) return partCheck(name, ok, detail);
  const asleep = "none is awake; what it can do is known once a job has started one";
  return { name, status: "ok", detail: checks.length > 0 ? "it responds" : asleep };
}

const MARKS: Readonly<Record<ReadinessCheck["status"], string>> = {
  ok: "ok     ",
  warning: "WARNING",
  failed: "FAILED ",
};

const SENTENCES: Readonly<Record<Readiness["status"], string>> = {
  ready: "Everything is in order.",
  degraded: "It works, but jobs that need what is marked WARNING fail or are delivered with less.",
  unavailable: "Jobs fail until what is marked FAILED is fixed.",
};

function reportOf(status: Readiness["status"], checks: readonly ReadinessCheck[], paint: Paint): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, status: found, detail, advice }) => [
    `${paintState(MARKS[found], paint)}  ${name.padEnd(width)}  ${detail}`,
    ...(advice === undefined ? [] : [`${" ".repeat(width + 11)}${advice}`]),
  ]);
  return [...lines, "", SENTENCES[status]].join("\n");
}
