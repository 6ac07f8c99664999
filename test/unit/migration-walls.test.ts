import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";

/** What the migration that gave each account its own folder does to older rows. */

const folder = join(import.meta.dirname, "..", "..", "schema", "db", "migrations");
const files = readdirSync(folder)
  .filter((name) => name.endsWith(".sql"))
  .sort()
  .map((name) => readFileSync(join(folder, name), "utf8"));
const last = files.findIndex((text) => text.includes("`storage_prefix`"));

type OldJob = Record<string, string | number | null> & { readonly id: string };

/** The rows of older jobs after the migration, by their ids. */
function migrated(jobs: readonly OldJob[]): Map<unknown, Record<string, unknown>> {
  const database = new DatabaseSync(":memory:");
  for (const text of files.slice(0, last)) database.exec(text);
  for (const id of ["a1", "a2"]) {
    database
      .prepare(
        "insert into accounts (id, name, source, limits, created_at) values (?, 'a', 'direct', '{}', 1)",
      )
      .run(id);
  }
  for (const job of jobs) insert(database, job);
  for (const text of files.slice(last)) database.exec(text);
  const rows = database.prepare("select * from jobs").all() as Record<string, unknown>[];
  const accounts = database.prepare("select id, storage_prefix from accounts").all();
  expect(accounts).toEqual([
    { id: "a1", storage_prefix: "a1" },
    { id: "a2", storage_prefix: "a2" },
  ]);
  database.close();
  return new Map(rows.map((row) => [row.id, row]));
}

function insert(database: DatabaseSync, job: OldJob): void {
  const row = {
    ...{ url: "u", request: "{}", plan: "{}", adjustments: "[]", status: "Completed", step: "Finished" },
    ...{ progress: 100, attempt: 1, refusals: 0, interruptions: 0, failures: 0, publishing: 0, revision: 1 },
    ...{ account_id: "a1", storage_provider: "s3", storage_source: "managed", created_at: 1, finished_at: 1 },
    ...job,
  };
  const names = Object.keys(row);
  database
    .prepare(`insert into jobs (${names.join(", ")}) values (${names.map(() => "?").join(", ")})`)
    .run(...Object.values(row));
}

describe("older jobs keep their keys", () => {
  const key = "videos/a.b/talk.en.mp4";

  it("and know what comes before the extension", () => {
    const jobs = migrated([
      { id: "j1", object_key: key },
      { id: "j2", object_key: null },
    ]);
    expect(jobs.get("j1")).toMatchObject({ object_key: key, object_stem: "videos/a.b/talk.en." });
    expect(jobs.get("j2")).toMatchObject({ object_key: null, object_stem: null, file_replaced_by: null });
  });

  it("and of those that share one in the managed bucket, the one that ended last owns the file", () => {
    const jobs = migrated([
      { id: "j1", object_key: key, finished_at: 5 },
      { id: "j2", object_key: key, finished_at: 9, account_id: "a2" },
      { id: "j3", object_key: key, finished_at: 7 },
      { id: "j4", object_key: "videos/b.mp4", finished_at: 8 },
    ]);
    const owners = ["j1", "j2", "j3", "j4"].map((id) => jobs.get(id)?.file_replaced_by);
    expect(owners).toEqual(["j2", null, "j2", null]);
  });

  it("and in other buckets this is decided for each account and each place", () => {
    const mine = {
      object_key: key,
      storage_source: "inline",
      storage_place: "s3 https://s3.example.com media",
    };
    const jobs = migrated([
      { id: "j1", ...mine, finished_at: 5, links: "sealed", links_expire_at: 9 },
      { id: "j2", ...mine, finished_at: 6, storage_source: "account" },
      { id: "j3", ...mine, finished_at: 7, account_id: "a2" },
      { id: "j4", ...mine, finished_at: 8, storage_place: "s3 https://s3.example.com other" },
      { id: "j5", ...mine, finished_at: 9, storage_source: "managed", storage_place: null },
    ]);
    expect(jobs.get("j1")).toMatchObject({ file_replaced_by: "j2", links: null, links_expire_at: null });
    for (const id of ["j2", "j3", "j4", "j5"]) expect(jobs.get(id)?.file_replaced_by).toBeNull();
  });

  it("and only the last one of a name keeps subtitles and thumbnail", () => {
    const sidecars = (owner: string) => ({
      thumbnail_key: "videos/talk.jpg",
      subtitle_key: "videos/talk.en.vtt",
      subtitles: `[{"language":"${owner}","key":"videos/talk.en.vtt"}]`,
    });
    const jobs = migrated([
      { id: "j1", object_key: "videos/talk.mp4", finished_at: 5, ...sidecars("j1") },
      { id: "j2", object_key: "videos/talk.webm", finished_at: 6, account_id: "a2", ...sidecars("j2") },
    ]);
    expect(jobs.get("j1")).toMatchObject({ file_replaced_by: null, subtitle_key: null, subtitles: null });
    expect(jobs.get("j1")).toMatchObject({ object_key: "videos/talk.mp4", thumbnail_key: null });
    expect(jobs.get("j2")).toMatchObject(sidecars("j2"));
  });
});
