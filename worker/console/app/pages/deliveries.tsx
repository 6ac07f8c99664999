import { useState } from "preact/hooks";
import { DELIVERY_STATUSES } from "../../../../schema/api/webhook.ts";
import type { ItemOf } from "../../../../schema/client/calls.ts";
import { useFormats } from "../lib/format.ts";
import { href } from "../lib/route.ts";
import { useSession } from "../lib/session.ts";
import { useAction } from "../lib/use-action.ts";
import { useCursor } from "../lib/use-cursor.ts";
import { useResource } from "../lib/use-resource.ts";
import { textOr, useTexts } from "../texts/texts.ts";
import { ErrorAlert } from "../ui/alert.tsx";
import { useAnnounce } from "../ui/announcer.tsx";
import { Labelled } from "../ui/field.tsx";
import { Loaded } from "../ui/loaded.tsx";
import { Card, Empty } from "../ui/page.tsx";
import { Pager } from "../ui/pager.tsx";
import { StatusBadge } from "../ui/status-badge.tsx";
import { Table } from "../ui/table.tsx";

type Delivery = ItemOf<"listDeliveries">;
const POLL_MS = 5_000;

/** The log of webhook deliveries, with payloads and another try. */
export function Deliveries({ jobId }: { readonly jobId: string }) {
  const texts = useTexts();
  const words = texts.webhooks;
  const write = useFormats();
  const { api } = useSession();
  const [status, setStatus] = useState<(typeof DELIVERY_STATUSES)[number] | "">("");
  const [openId, setOpenId] = useState<string | null>(null);
  const pages = useCursor(`${status} ${jobId}`);
  const { cursor } = pages;
  const list = useResource(
    `deliveries ${status} ${jobId} ${cursor}`,
    (signal) =>
      api.listDeliveries({
        query: {
          ...(status !== "" && { status }),
          ...(jobId !== "" && { job_id: jobId }),
          ...(cursor !== undefined && { cursor }),
        },
        signal,
      }),
    ({ deliveries }) => (deliveries.some((delivery) => delivery.status === "pending") ? POLL_MS : null),
  );
  return (
    <Card title={words.log}>
      <search class="filters">
        <Labelled label={texts.jobs.status}>
          {(ids) => (
            <select
              {...ids}
              value={status}
              onChange={(event) => setStatus(event.currentTarget.value as typeof status)}
            >
              <option value="">{texts.jobs.anyStatus}</option>
              {DELIVERY_STATUSES.map((name) => (
                <option key={name} value={name}>
                  {textOr(texts.status, name)}
                </option>
              ))}
            </select>
          )}
        </Labelled>
        {jobId !== "" && (
          <p class="filter">
            {words.ofJob} <a href={href("webhooks")}>{texts.jobs.clearFilters}</a>
          </p>
        )}
      </search>
      <Loaded resource={list}>
        {({ deliveries, next_cursor }) =>
          deliveries.length === 0 ? (
            <Empty title={words.logEmpty} />
          ) : (
            <>
              <Table
                label={words.log}
                rows={deliveries}
                keyOf={({ id }) => id}
                columns={[
                  {
                    head: words.event,
                    isName: true,
                    cell: ({ type, url }) => (
                      <div class="media">
                        <code>{type}</code>
                        <span class="fine cut">{url}</span>
                      </div>
                    ),
                  },
                  {
                    head: texts.jobs.status,
                    cell: (delivery) => (
                      <div class="media">
                        <StatusBadge status={delivery.status} />
                        {delivery.last_error !== null && <span class="fine">{delivery.last_error}</span>}
                      </div>
                    ),
                  },
                  {
                    head: words.response,
                    cell: ({ last_status, response_time_ms }) =>
                      last_status === null ? "–" : `${last_status}, ${write.count(response_time_ms)} ms`,
                  },
                  { head: words.attempts, isNumber: true, cell: ({ attempts }) => write.count(attempts) },
                  { head: words.when, cell: ({ created_at }) => write.time(created_at) },
                  {
                    head: words.payload,
                    cell: ({ id, type }) => (
                      <button
                        type="button"
                        class="small"
                        aria-expanded={openId === id}
                        aria-label={`${openId === id ? texts.hide : texts.show}: ${words.payload}, ${type}`}
                        onClick={() => setOpenId(openId === id ? null : id)}
                      >
                        {openId === id ? texts.hide : texts.show}
                      </button>
                    ),
                  },
                ]}
                below={(delivery) =>
                  openId === delivery.id && <Payload delivery={delivery} onReplay={list.reload} />
                }
              />
              <Pager label={words.log} onNewer={pages.newer} onOlder={pages.older(next_cursor)} />
            </>
          )
        }
      </Loaded>
    </Card>
  );
}

interface PayloadProps {
  readonly delivery: Delivery;
  readonly onReplay: () => void;
}

function Payload({ delivery, onReplay }: PayloadProps) {
  const texts = useTexts();
  const words = texts.webhooks;
  const { api } = useSession();
  const announce = useAnnounce();
  const { id, job_id } = delivery;
  const detail = useResource(`delivery ${id}`, (signal) => api.getDelivery({ params: { id }, signal }));
  const replay = useAction(async () => {
    await api.replayDelivery({ params: { id } });
    announce(words.replayed);
    onReplay();
  });
  return (
    <Loaded resource={detail}>
      {({ payload }) => (
        <>
          <pre>{JSON.stringify(payload, null, 2)}</pre>
          <p class="fine">{words.payloadNote}</p>
          <ErrorAlert error={replay.error} />
          <div class="row">
            {delivery.status !== "pending" && (
              <button type="button" disabled={replay.isRunning} onClick={() => void replay.run()}>
                {words.replay}
              </button>
            )}
            {job_id !== null && <a href={href(`jobs/${job_id}`)}>{texts.job.title}</a>}
          </div>
        </>
      )}
    </Loaded>
  );
}
