import type { CallResponse } from "../../../../../schema/client.ts";
import { adviceFor } from "../../lib/error-text.ts";
import { useFormats } from "../../lib/format.ts";
import { useTexts } from "../../texts/texts.ts";
import { Adjustments } from "../../ui/adjustments.tsx";
import { Alert } from "../../ui/alert.tsx";
import { Facts } from "../../ui/facts.tsx";
import { Card } from "../../ui/page.tsx";
import { Table } from "../../ui/table.tsx";

/** A plan and, if the source has one, the picture of the media. */
export interface Planned {
  readonly plan: CallResponse<"planJob">;
  readonly thumbnail: string | null;
}

interface PlanCardProps {
  readonly planned: Planned;
  /** The request is not the one that was planned. */
  readonly isStale: boolean;
}

export function PlanCard({ planned: { plan, thumbnail }, isStale }: PlanCardProps) {
  const texts = useTexts();
  const words = texts.create;
  const write = useFormats();
  const { title, duration, estimated_size, folder, filename, streams, adjustments, source_error } = plan;
  return (
    <Card title={words.planTitle}>
      {isStale && <Alert tone="info">{words.stale}</Alert>}
      {source_error && (
        <Alert tone="warn" title={words.sourceError}>
          <p>{source_error.error}</p>
          <p>{adviceFor(source_error.code, texts)}</p>
        </Alert>
      )}
      <div class="planned">
        {thumbnail !== null && <img src={thumbnail} alt="" loading="lazy" referrerpolicy="no-referrer" />}
        <div>
          {title !== null && <p class="planned-title">{title}</p>}
          <Facts
            rows={[
              [words.duration, write.duration(duration)],
              [words.size, write.bytes(estimated_size)],
              [words.file, `${folder}/${filename ?? `(${words.derived})`}.${plan.plan.format}`],
              [texts.fields.audio_language[0] ?? "", plan.actual_audio_language],
            ]}
          />
        </div>
      </div>
      {streams !== null && streams.length > 0 && (
        <>
          <h3>{words.streams}</h3>
          <Table
            label={words.streams}
            rows={streams}
            keyOf={({ format_id }) => format_id}
            columns={[
              { head: words.stream, isName: true, cell: ({ format_id }) => <code>{format_id}</code> },
              {
                head: words.codecs,
                cell: ({ video_codec, audio_codec }) =>
                  [video_codec, audio_codec].filter(Boolean).join(", ") || "–",
              },
              {
                head: words.picture,
                cell: ({ width, height, fps }) =>
                  height === null ? "–" : `${width ?? "?"}×${height}${fps === null ? "" : `, ${fps} fps`}`,
              },
              {
                head: words.bitrate,
                isNumber: true,
                cell: ({ bitrate_kbps }) =>
                  bitrate_kbps === null ? "–" : `${write.count(Math.round(bitrate_kbps))} kbit/s`,
              },
              { head: texts.jobs.size, isNumber: true, cell: ({ size }) => write.bytes(size) },
            ]}
          />
        </>
      )}
      <Adjustments title={words.adjustments} adjustments={adjustments} />
    </Card>
  );
}
