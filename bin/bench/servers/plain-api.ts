/**
 * `POST /jobs` and `GET /jobs/{id}` as a plain program: Hono and SQLite in one process. The key is looked up once and
 * cached, the request is checked and planned with the same schemas, and the job and its dispatch message are written in
 * one transaction, without the platform in between.
 */
import { createHash, randomUUID } from "node:crypto";
import type { Server } from "node:http";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { JobRequest } from "../../../schema/api/job-request.ts";
import { plan } from "../../../schema/media.ts";
import { listenAndReport } from "./server-process.ts";

const [folder = ".", key = ""] = process.argv.slice(2);
const database = new DatabaseSync(join(folder, "plain.sqlite"));
database.exec(`
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  CREATE TABLE keys (sha256 TEXT PRIMARY KEY, account TEXT NOT NULL);
  CREATE TABLE jobs (id TEXT PRIMARY KEY, account TEXT NOT NULL, url TEXT NOT NULL, request TEXT NOT NULL,
    plan TEXT NOT NULL, status TEXT NOT NULL, created_at INTEGER NOT NULL, due_at INTEGER);
  CREATE INDEX jobs_by_account ON jobs (account, id);
  CREATE INDEX jobs_due ON jobs (due_at) WHERE due_at IS NOT NULL;
  CREATE TABLE messages (id INTEGER PRIMARY KEY, job TEXT NOT NULL);
`);
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
database.prepare("INSERT INTO keys VALUES (?, ?)").run(sha256(key), "bench");
const findKey = database.prepare("SELECT account FROM keys WHERE sha256 = ?");
const insertJob = database.prepare("INSERT INTO jobs VALUES (?, ?, ?, ?, ?, 'Pending', ?, ?)");
const insertMessage = database.prepare("INSERT INTO messages (job) VALUES (?)");
const findJob = database.prepare("SELECT * FROM jobs WHERE id = ? AND account = ?");
const accounts = new Map<string, string>();

function accountOf(given: string): string | undefined {
  const hash = sha256(given);
  const account = accounts.get(hash) ?? findKey.get(hash)?.account?.toString();
  if (account !== undefined) accounts.set(hash, account);
  return account;
}

const app = new Hono<{ Variables: { account: string } }>();
app.use(async (c, next) => {
  const account = accountOf(c.req.header("x-api-key") ?? "");
  if (account === undefined) return c.json({ error: "Invalid API key" }, 401);
  c.set("account", account);
  return next();
});
app.post("/jobs", async (c) => {
  const sent = await c.req.json();
  const request = JobRequest.parse(sent);
  const planned = plan(request);
  const id = randomUUID();
  const now = Date.now();
  database.exec("BEGIN");
  insertJob.run(id, c.var.account, request.url, JSON.stringify(sent), JSON.stringify(planned.plan), now, now);
  insertMessage.run(id);
  database.exec("COMMIT");
  return c.json({ job_id: id }, 201);
});
app.get("/jobs/:id", (c) => {
  const row = findJob.get(c.req.param("id"), c.var.account);
  return row ? c.json({ ...row, plan: JSON.parse(String(row.plan)) }) : c.json({ error: "Not found" }, 404);
});

listenAndReport(createAdaptorServer({ fetch: app.fetch }) as Server);
