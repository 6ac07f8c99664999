import { useState } from "preact/hooks";
import type { CallResponse } from "../../../../schema/client.ts";
import { useFormats } from "../lib/format.ts";
import { goTo, href } from "../lib/route.ts";
import { useSession } from "../lib/session.ts";
import { useResource } from "../lib/use-resource.ts";
import { useTexts } from "../texts/texts.ts";
import { Loaded } from "../ui/loaded.tsx";
import { Card, Empty, Page } from "../ui/page.tsx";
import { Tiles } from "../ui/tiles.tsx";
import { UrlField } from "../ui/url-field.tsx";
import { JobTable } from "./jobs/job-table.tsx";

const POLL_MS = 10_000;

export function OverviewPage() {
  const texts = useTexts();
  const words = texts.overview;
  const { api } = useSession();
  const [url, setUrl] = useState("");
  const overview = useResource(
    "overview",
    async (signal) => {
      const [stats, cluster, { jobs }] = await Promise.all([
        api.dashboardStats({ signal }),
        api.dashboardCluster({ signal }),
        api.listJobs({ query: { limit: 6 }, signal }),
      ]);
      return { stats, cluster, jobs };
    },
    () => POLL_MS,
  );
  return (
    <Page title={words.title}>
      <form
        class="card start"
        aria-label={words.start}
        onSubmit={(event) => {
          event.preventDefault();
          goTo(href("new", { url: url.trim() }));
        }}
      >
        <UrlField label={words.urlLabel} value={url} onChange={setUrl} />
        <button type="submit" class="primary">
          {words.plan}
        </button>
      </form>
      <Loaded resource={overview}>
        {({ stats, cluster, jobs }) => (
          <>
            <Figures stats={stats} cluster={cluster} />
            <Card title={words.recent} actions={<a href={href("jobs")}>{words.all}</a>}>
              {jobs.length === 0 ? (
                <Empty title={texts.jobs.empty}>
                  <p>{texts.jobs.emptyHelp}</p>
                </Empty>
              ) : (
                <JobTable jobs={jobs} label={words.recent} />
              )}
            </Card>
          </>
        )}
      </Loaded>
    </Page>
  );
}

interface FiguresProps {
  readonly stats: CallResponse<"dashboardStats">;
  readonly cluster: CallResponse<"dashboardCluster">;
}

function Figures({ stats, cluster }: FiguresProps) {
  const { overview: words } = useTexts();
  const write = useFormats();
  const { processors } = cluster;
  return (
    <>
      <Tiles
        label={words.figures}
        tiles={[
          [words.total, write.count(stats.total_jobs)],
          [words.success, write.percent(stats.success_rate)],
          [words.delivered, write.bytes(stats.storage_used_bytes)],
          [words.today, write.bytes(stats.today_throughput_bytes)],
          [words.duration, write.duration(stats.avg_processing_time_seconds), words.last24],
          [words.wait, write.duration(stats.avg_queue_wait_seconds), words.last24],
        ]}
      />
      <Tiles
        label={words.now}
        tiles={[
          [words.pending, write.count(cluster.total_pending)],
          [words.downloading, write.count(cluster.total_downloading)],
          [words.muxing, write.count(cluster.total_muxing)],
          [words.uploading, write.count(cluster.total_uploading)],
          [words.processors, processors.healthy ? words.healthy : words.unhealthy],
        ]}
      />
    </>
  );
}
