import { textOr, useTexts } from "../texts/texts.ts";

const TONES: Readonly<Record<string, "good" | "warn" | "bad" | "busy">> = {
  Completed: "good",
  completed: "good",
  delivered: "good",
  ready: "good",
  ok: "good",
  Failed: "bad",
  failed: "bad",
  unavailable: "bad",
  Warning: "warn",
  warning: "warn",
  finished: "warn",
  degraded: "warn",
  active: "good",
  failing: "bad",
  removed: "warn",
  waiting: "busy",
  queued: "busy",
  listing: "busy",
  Processing: "busy",
  processing: "busy",
};

/** A state as a word with a colour. */
export const StatusBadge = ({ status }: { readonly status: string }) => (
  <span class={`badge ${TONES[status] ?? "quiet"}`}>{textOr(useTexts().status, status)}</span>
);
