import type { CallResponse } from "../../../../../schema/client.ts";
import { adminStatusOf } from "../../lib/admin-status.ts";
import { useFormats } from "../../lib/format.ts";
import { useSession } from "../../lib/session.ts";
import { useResource } from "../../lib/use-resource.ts";
import { textOr, useTexts } from "../../texts/texts.ts";
import { Facts } from "../../ui/facts.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Card, Empty } from "../../ui/page.tsx";
import { Table } from "../../ui/table.tsx";

const TONES: Readonly<Record<string, string>> = { ok: "good", impaired: "warn", failing: "bad" };

/** How the sites did that jobs fetched from in the last hour, and what waits or is paused because of them. */
export function Sites() {
  const texts = useTexts();
  const words = texts.operator;
  const write = useFormats();
  const { adminText } = useSession();
  const status = useResource("sites", (signal) => adminStatusOf(adminText, signal));
  return (
    <Card title={words.sites}>
      <Loaded resource={status}>
        {({ sites, operator }) => (
          <>
            {operator && (
              <Facts
                rows={[
                  [words.oldestDue, write.duration(operator.oldest_due_seconds)],
                  [
                    words.instances,
                    operator.instances
                      .map(({ instance, runs }) => `${instance}: ${write.count(runs)}`)
                      .join(", "),
                  ],
                  [words.pausedSources, pausedText(operator.paused_sources, write.time)],
                  [words.pausedStorages, pausedText(operator.paused_storages, write.time)],
                ]}
              />
            )}
            {sites.length === 0 ? (
              <Empty title={words.sitesEmpty} />
            ) : (
              <Table
                label={words.sites}
                rows={sites}
                keyOf={({ site }) => site}
                columns={[
                  { head: words.site, isName: true, cell: ({ site }) => site },
                  {
                    head: texts.jobs.status,
                    cell: ({ status: state }) => (
                      <span class={`badge ${TONES[state] ?? "quiet"}`}>
                        {textOr(words.siteStatus, state)}
                      </span>
                    ),
                  },
                  {
                    head: words.share,
                    isNumber: true,
                    cell: ({ success_rate }) => write.percent(success_rate),
                  },
                  { head: texts.job.attempt, isNumber: true, cell: ({ runs }) => write.count(runs) },
                  {
                    head: texts.overview.failed,
                    cell: ({ failures = {} }) =>
                      Object.entries(failures)
                        .map(([code, count]) => `${code} ${write.count(count)}`)
                        .join(", ") || "–",
                  },
                ]}
              />
            )}
          </>
        )}
      </Loaded>
    </Card>
  );
}

type Paused = NonNullable<CallResponse<"status">["operator"]>["paused_sources"];

const pausedText = (paused: Paused, time: (at: number) => string): string =>
  paused.map(({ name, until }) => `${name} (${time(until)})`).join(", ");
