import type { Delivery } from "../../schema/wire/callback.ts";
import { Stopwatch } from "../stopwatch.ts";

/** Where the time of a run went, in addition to what its stages report themselves. */
export class RunTimings {
  /** Inspecting the source's files before anything is delivered. */
  readonly precheck = new Stopwatch();
  /** Fetching subtitles, in parallel with everything else. */
  readonly subtitles = new Stopwatch();
  /** Making the finished upload visible under its key. */
  readonly publishing = new Stopwatch();
  /** Waiting for a connection to the source. */
  readonly ioWait = new Stopwatch();
  /** Waiting for a slot for re-encoding. */
  readonly cpuWait = new Stopwatch();
  /** Waiting until the upload had room for another part. */
  readonly uploadWait = new Stopwatch();
  /** Attempts: extractions, and each delivery after one. */
  attempts = 0;

  /** In the form that is reported to the Worker. */
  get reported(): Pick<
    Delivery["timings"],
    "precheck_ms" | "subtitle_ms" | "file_move_ms" | "io_wait_ms" | "cpu_wait_ms" | "upload_wait_ms"
  > {
    return {
      precheck_ms: this.precheck.ms,
      subtitle_ms: this.subtitles.ms,
      file_move_ms: this.publishing.ms,
      io_wait_ms: this.ioWait.ms,
      cpu_wait_ms: this.cpuWait.ms,
      upload_wait_ms: this.uploadWait.ms,
    };
  }
}
