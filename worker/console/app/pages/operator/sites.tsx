import { useFormats } from "../../lib/format.ts";
import { useSession } from "../../lib/session.ts";
import { useResource } from "../../lib/use-resource.ts";
import { textOr, useTexts } from "../../texts/texts.ts";
import { Loaded } from "../../ui/loaded.tsx";
import { Card, Empty } from "../../ui/page.tsx";
import { Table } from "../../ui/table.tsx";

/** The part of `GET /status` that is shown. */
interface SitesStatus {
  readonly sites: readonly {
    readonly site: string;
    readonly status: string;
    readonly success_rate: number | null;
    readonly runs?: number;
    readonly failures?: Readonly<Record<string, number>>;
  }[];
}

const TONES: Readonly<Record<string, string>> = { ok: "good", impaired: "warn", failing: "bad" };

/** How the sites did that jobs fetched from in the last hour; nothing on a server that does not count that. */
export function Sites() {
  const texts = useTexts();
  const words = texts.operator;
  const write = useFormats();
  const { adminText } = useSession();
  const status = useResource("sites", async (signal): Promise<SitesStatus> => {
    const text = await adminText("/status", signal);
    return JSON.parse(text);
  });
  if (status.error !== undefined) return null;
  return (
    <Card title={words.sites}>
      <Loaded resource={status}>
        {({ sites }) =>
          sites.length === 0 ? (
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
                    <span class={`badge ${TONES[state] ?? "quiet"}`}>{textOr(words.siteStatus, state)}</span>
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
          )
        }
      </Loaded>
    </Card>
  );
}
