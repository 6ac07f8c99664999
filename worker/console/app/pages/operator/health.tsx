import type { CallResponse } from "../../../../../schema/client.ts";
import type { ReadinessCheck } from "../../../../../schema/readiness-check.ts";
import { useFormats } from "../../lib/format.ts";
import { type Metric, parseMetrics } from "../../lib/metrics.ts";
import { useSession } from "../../lib/session.ts";
import { useResource } from "../../lib/use-resource.ts";
import { textOr, useTexts } from "../../texts/texts.ts";
import { Facts } from "../../ui/facts.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Card, Page } from "../../ui/page.tsx";
import { StatusBadge } from "../../ui/status-badge.tsx";
import { Tiles } from "../../ui/tiles.tsx";
import { Sites } from "./sites.tsx";

const POLL_MS = 15_000;

/** Whether jobs can be delivered, how many wait, and what the processors report. */
export function HealthPage() {
  const texts = useTexts();
  const words = texts.operator;
  const { api, adminText } = useSession();
  const health = useResource(
    "health",
    async (signal) => {
      const [ready, alive, metrics] = await Promise.all([
        api.ready({ signal }),
        api.alive({ signal }),
        adminText("/admin/metrics", signal).then(parseMetrics),
      ]);
      return { ready, alive, metrics };
    },
    () => POLL_MS,
  );
  return (
    <Page
      title={words.health}
      actions={
        <button type="button" onClick={health.reload}>
          {texts.reload}
        </button>
      }
    >
      <Loaded resource={health}>
        {({ ready, alive, metrics }) => (
          <>
            <Queue metrics={metrics} />
            <Parts ready={ready} />
            <Sites />
            <Checks checks={ready.parts.processor.checks} />
            <Versions alive={alive} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Queue({ metrics }: { readonly metrics: readonly Metric[] }) {
  const { operator: words } = useTexts();
  const write = useFormats();
  const sumOf = (name: string) => {
    const values = metrics.filter((metric) => metric.name === name);
    return values.length === 0 ? null : values.reduce((sum, { value }) => sum + value, 0);
  };
  return (
    <Tiles
      label={words.queueDepth}
      tiles={[
        [words.due, write.count(sumOf("waterspout_jobs_due"))],
        [words.messages, write.count(sumOf("waterspout_dispatch_messages"))],
        [words.stored, write.count(sumOf("waterspout_jobs_stored"))],
        [words.database, write.bytes(sumOf("waterspout_database_bytes"))],
      ]}
    />
  );
}

function Parts({ ready }: { readonly ready: CallResponse<"ready"> }) {
  const { operator: words } = useTexts();
  return (
    <Card title={words.readiness} actions={<StatusBadge status={ready.status} />}>
      <ul class="parts">
        {Object.entries(ready.parts).map(([name, { ok, detail }]) => (
          <li key={name}>
            <StatusBadge status={ok ? "ok" : "unavailable"} />
            <div>
              <strong>{textOr(words.parts, name)}</strong>
              {detail !== undefined && <p class="fine">{detail}</p>}
            </div>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Checks({ checks }: { readonly checks: readonly ReadinessCheck[] }) {
  const { operator: words } = useTexts();
  if (checks.length === 0) return null;
  return (
    <Card title={words.checks}>
      <ul class="parts">
        {checks.map(({ name, status, detail, advice }) => (
          <li key={name}>
            <StatusBadge status={status} />
            <div>
              <strong>{name}</strong>
              <p>{detail}</p>
              {advice !== undefined && (
                <p class="fine">
                  {words.advice}: {advice}
                </p>
              )}
            </div>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Versions({ alive }: { readonly alive: CallResponse<"alive"> }) {
  const texts = useTexts();
  const { operator: words } = texts;
  const { tools, isolation } = alive;
  return (
    <Card title={words.version}>
      <Facts
        rows={[
          [texts.product, alive.version],
          ["yt-dlp", tools && [tools.ytdlp, tools.ytdlp_channel].filter(Boolean).join(", ")],
          ["ffmpeg", tools?.ffmpeg],
          [
            words.isolation,
            isolation &&
              Object.entries(isolation)
                .map(([name, value]) => `${name}: ${String(value)}`)
                .join(", "),
          ],
        ]}
      />
    </Card>
  );
}
