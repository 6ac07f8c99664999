import { useState } from "preact/hooks";
import type { CallResponse } from "../../../../schema/client.ts";
import { useFormats } from "../lib/format.ts";
import { useSession } from "../lib/session.ts";
import { useResource } from "../lib/use-resource.ts";
import { useTexts } from "../texts/texts.ts";
import { BarChart } from "../ui/bar-chart.tsx";
import { Facts } from "../ui/facts.tsx";
import { Labelled } from "../ui/field.tsx";
import { KeyUsageTable } from "../ui/key-usage-table.tsx";
import { Loaded } from "../ui/loaded.tsx";
import { Card, Empty, Page } from "../ui/page.tsx";
import { Tiles } from "../ui/tiles.tsx";

const MONTHS = 12;
const PERIODS = [7, 30, 90] as const;

export function UsagePage() {
  const { usage: words } = useTexts();
  const write = useFormats();
  const { api } = useSession();
  const months = latestMonths(new Date());
  const [period, setPeriod] = useState(months[0] ?? "");
  const usage = useResource(`usage ${period}`, async (signal) => {
    const [account, { keys }] = await Promise.all([
      api.getUsage({ query: { period }, signal }),
      api.getKeyUsage({ query: { period }, signal }),
    ]);
    return { account, keys };
  });
  return (
    <Page
      title={words.title}
      actions={
        <Labelled label={words.month}>
          {(ids) => (
            <select {...ids} value={period} onChange={(event) => setPeriod(event.currentTarget.value)}>
              {months.map((month) => (
                <option key={month} value={month}>
                  {write.month(month)}
                </option>
              ))}
            </select>
          )}
        </Labelled>
      }
    >
      <Loaded resource={usage}>
        {({ account, keys }) => (
          <>
            <Tiles
              label={write.month(period)}
              tiles={[
                [words.jobs, write.count(account.usage_count)],
                [words.delivered, write.gibibytes(account.storage_usage_gb)],
                [words.reserved, write.gibibytes(account.storage_reserved_gb)],
              ]}
            />
            <Limits usage={account} />
            <Days />
            <Card title={words.keys}>
              <p class="fine">{words.keysLead}</p>
              {keys.length === 0 ? <Empty title={words.noKeys} /> : <KeyUsageTable keys={keys} />}
            </Card>
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Limits({ usage }: { readonly usage: CallResponse<"getUsage"> }) {
  const { usage: words } = useTexts();
  const write = useFormats();
  const { storage_limit_gb: limit, storage_effective_usage_gb: used } = usage;
  const rows = [
    [words.maxJobs, write.count(usage.max_concurrent_jobs)],
    [words.maxResolution, usage.max_resolution_limit],
    [words.maxDuration, write.duration(usage.max_duration_limit_seconds)],
    [words.maxFilesize, write.bytes(usage.max_filesize_limit_bytes)],
  ] as const;
  const hasNone = limit === undefined && rows.every(([, value]) => value === undefined || value === "–");
  return (
    <Card title={words.limits}>
      {hasNone && <p>{words.noLimits}</p>}
      {limit !== undefined && (
        <>
          <p class="row spread">
            <span>{words.quota}</span>
            <span>{words.ofQuota(write.gibibytes(used), write.gibibytes(limit))}</span>
          </p>
          <meter
            aria-label={words.quota}
            min={0}
            max={Math.max(0.01, limit)}
            high={limit * 0.9}
            value={Math.min(used, limit)}
          />
        </>
      )}
      <Facts rows={rows} />
    </Card>
  );
}

function Days() {
  const { usage: words } = useTexts();
  const write = useFormats();
  const { api } = useSession();
  const [days, setDays] = useState(30);
  const daily = useResource(`daily ${days}`, (signal) => api.dashboardDaily({ query: { days }, signal }));
  return (
    <Card
      title={words.activity}
      actions={
        <Labelled label={words.period}>
          {(ids) => (
            <select {...ids} value={days} onChange={(event) => setDays(Number(event.currentTarget.value))}>
              {PERIODS.map((count) => (
                <option key={count} value={count}>
                  {words.days(count)}
                </option>
              ))}
            </select>
          )}
        </Labelled>
      }
    >
      <Loaded resource={daily}>
        {({ daily_stats: rows }) => (
          <>
            {rows.every(({ completed, failed, skipped }) => completed + failed + skipped === 0) && (
              <p class="fine">{words.noJobs}</p>
            )}
            <BarChart
              title={words.daily}
              rows={rows}
              labelOf={({ date }) => write.day(date)}
              write={write.count}
              series={[
                { name: words.completed, tone: "good", value: ({ completed }) => completed },
                { name: words.failed, tone: "bad", value: ({ failed }) => failed },
                { name: words.skipped, tone: "quiet", value: ({ skipped }) => skipped },
              ]}
            />
            <BarChart
              title={words.dailyBytes}
              rows={rows}
              labelOf={({ date }) => write.day(date)}
              write={write.bytes}
              series={[
                { name: words.delivered, tone: "accent", value: ({ delivered_bytes }) => delivered_bytes },
              ]}
            />
          </>
        )}
      </Loaded>
    </Card>
  );
}

/** @example latestMonths(new Date("2026-01-31"))[1] // "2025-12" */
const latestMonths = (now: Date): string[] =>
  Array.from({ length: MONTHS }, (_, back) =>
    new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back, 1)).toISOString().slice(0, 7),
  );
