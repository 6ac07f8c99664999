import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { z } from "zod";
import type { Batch, CreatedPlaylist } from "../../schema/api/batch.ts";
import type { JobList } from "../../schema/api/job.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { startTestStack, type TestStack } from "../support/test-stack.ts";

/**
 * A feed that is too long for one request is read on by a real processor, which is killed meanwhile. `LIST_ENTRIES=20000`
 * for a long one: then the Worker is killed, too, in turns with the processor.
 */

const ENTRIES = Number(process.env.LIST_ENTRIES ?? 5_200);
/** Entries between two kills. */
const KILL_EVERY = 3_000;
const FIRST = 5_000;
const PATH = "/long.xml";

vi.setConfig({ testTimeout: 120_000 + ENTRIES * 60 });

let origin: Origin;
let stack: TestStack;
let cron: NodeJS.Timeout;

beforeAll(async () => {
  origin = await startOrigin({ root: import.meta.dirname });
  const items = Array.from(
    { length: ENTRIES },
    (_, index) =>
      `<item><title>Part ${index}</title><enclosure url="${origin.url}/${index}.mp3" type="audio/mpeg" length="1"/></item>`,
  );
  origin.put(
    PATH,
    Buffer.from(
      `<?xml version="1.0"?><rss version="2.0"><channel><title>Long</title>${items.join("")}</channel></rss>`,
    ),
  );
  stack = await startTestStack({ env: { ALLOWED_PRIVATE_HOSTS: origin.host } });
  cron = setInterval(() => void stack.reconcile().catch(() => {}), 1_000);
}, 120_000);

afterAll(async () => {
  clearInterval(cron);
  await stack.stop();
  await origin.close();
});

const read = async (id: string): Promise<Batch> => (await stack.call<Batch>("GET", `/batch/${id}`)).body;

async function until(id: string, condition: (batch: Batch) => boolean): Promise<Batch> {
  for (;;) {
    const batch = await read(id);
    if (condition(batch)) return batch;
    await pause(100);
  }
}

it("is read to its end, each entry once and in order, while processes are killed", async () => {
  const body = { url: origin.url + PATH, batch: true, paused: true };
  const created = await stack.call<z.output<typeof CreatedPlaylist>>("POST", "/jobs", body);
  expect(created).toMatchObject({ status: 201, body: { listing: true, total_videos: FIRST } });
  const { batch_id } = created.body;
  const before = origin.hits.get(PATH) ?? 0;
  await vi.waitUntil(() => (origin.hits.get(PATH) ?? 0) > before, { timeout: 60_000 });
  process.kill(await stack.processorPid(), "SIGKILL");
  let isWorker = true;
  for (let entries = FIRST + KILL_EVERY; entries < ENTRIES; entries += KILL_EVERY) {
    await until(batch_id, ({ total_episodes }) => total_episodes >= entries);
    if (isWorker) {
      await stack.killWorker();
      await stack.restartWorker();
    } else {
      process.kill(await stack.processorPid(), "SIGKILL");
    }
    isWorker = !isWorker;
  }
  const batch = await until(batch_id, ({ status }) => status !== "listing");
  expect(batch).toMatchObject({
    ...{ status: "paused", list_complete: true, list_error: null },
    ...{ total_episodes: ENTRIES, pending_episodes: ENTRIES },
  });
  const titles = new Map<string, string | null>();
  let cursor = "";
  do {
    const path = `/jobs?batch_id=${batch_id}&limit=100${cursor}`;
    const { body: page } = await stack.call<z.output<typeof JobList>>("GET", path);
    for (const { id, title } of page.jobs) titles.set(id, title);
    cursor = page.next_cursor === null ? "" : `&cursor=${page.next_cursor}`;
  } while (cursor !== "");
  const wrong = batch.episode_jobs.filter((id, index) => titles.get(id) !== `Part ${index}`);
  expect([wrong, batch.episode_jobs.length]).toEqual([[], ENTRIES]);
});
