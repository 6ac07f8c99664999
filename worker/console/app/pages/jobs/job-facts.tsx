import type { Job } from "../../../../../schema/api/job.ts";
import { useFormats } from "../../lib/format.ts";
import { href } from "../../lib/route.ts";
import { textOr, useTexts } from "../../texts/texts.ts";
import { CopyButton } from "../../ui/copy-button.tsx";
import { Facts } from "../../ui/facts.tsx";
import { Card } from "../../ui/page.tsx";
import { StatusBadge } from "../../ui/status-badge.tsx";

/** What is known about a job, as far as a person asks. */
export function JobFacts({ job }: { readonly job: Job }) {
  const texts = useTexts();
  const words = texts.job;
  const write = useFormats();
  const seconds = (ms: number | null) => write.duration(ms === null ? null : ms / 1000);
  const times = [job.download_duration_ms, job.mux_duration_ms, job.upload_duration_ms];
  const quality = [job.actual_quality, job.native_video_codec, job.native_audio_codec];
  return (
    <Card title={words.facts}>
      <Facts
        rows={[
          ["Id", <CopyValue key="id" value={job.id} label="Id" />],
          [words.url, <SourceLink key="url" url={job.url} />],
          [words.file, job.s3_key && <code>{job.s3_key}</code>],
          [words.size, write.bytes(job.file_size)],
          [words.duration, write.duration(job.duration)],
          [words.quality, quality.filter(Boolean).join(", ")],
          [words.storage, job.storage_provider && textOr(texts.providers, job.storage_provider)],
          [words.checksum, job.sha256 && <CopyValue value={job.sha256} label={words.checksum} />],
          [words.created, write.time(job.created_at)],
          [words.started, write.time(job.started_at)],
          [words.finished, write.time(job.finished_at)],
          [words.expires, write.time(job.expires_at)],
          [words.attempt, job.attempt > 1 && write.count(job.attempt)],
          [words.times, times.some((ms) => ms !== null) && times.map(seconds).join(", ")],
          [words.strategy, job.download_strategy],
          [texts.operator.tools, toolsOf(job)],
          [
            words.copied,
            job.copied_from !== null && <a href={href(`jobs/${job.copied_from}`)}>{words.originalLink}</a>,
          ],
          [
            words.webhook,
            job.webhook_status !== "no_webhook" && (
              <span class="row">
                <StatusBadge status={job.webhook_status} />
                {job.webhook_last_error}
                <a href={href("webhooks", { job: job.id })}>{words.deliveries}</a>
              </span>
            ),
          ],
          [
            words.batch,
            job.batch_id !== null && <a href={href(`batches/${job.batch_id}`)}>{words.openBatch}</a>,
          ],
          [
            words.original,
            job.original_job_id !== null && (
              <a href={href(`jobs/${job.original_job_id}`)}>{words.originalLink}</a>
            ),
          ],
        ].flatMap(([name, value]) => (value === false ? [] : [[name as string, value] as const]))}
      />
    </Card>
  );
}

/** @example "yt-dlp 2026.11.23, ffmpeg 7.1" */
const toolsOf = ({ tool_versions: tools }: Job) =>
  tools !== null && `yt-dlp ${tools.ytdlp}, ffmpeg ${tools.ffmpeg}`;

const CopyValue = ({ value, label }: { readonly value: string; readonly label: string }) => (
  <span class="row tight">
    <code>{value}</code>
    <CopyButton value={value} label={label} />
  </span>
);

/** Addresses come from people and lists: only those of the web become links. */
const SourceLink = ({ url }: { readonly url: string }) =>
  /^https?:\/\//i.test(url) ? (
    <a class="breaking" href={url} target="_blank" rel="noreferrer noopener">
      {url}
    </a>
  ) : (
    <span class="breaking">{url}</span>
  );
