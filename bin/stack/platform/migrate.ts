/** `node migrate.ts <file>`: brings the database up to date before the Worker sees it, see `PlatformFile`. */
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Miniflare } from "miniflare";
import type { PlatformFile } from "./platform-file.ts";
import { APP, DATABASE_CLASS, DATABASE_EXPORT, DATABASE_NAME } from "./workers.ts";

/** Where it is noted which files the database has seen; wrangler keeps the same table. */
const SEEN_TABLE = `CREATE TABLE IF NOT EXISTS d1_migrations(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT UNIQUE,
  applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)`;

/** Answers a request, a list of `[file name, statement…]`, by applying what the database has not seen: each file whole or not at all. */
const MIGRATOR_SOURCE = `
import { DurableObject } from "cloudflare:workers";
export class ${DATABASE_CLASS} extends DurableObject {
  async fetch(request) {
    const { sql } = this.ctx.storage;
    sql.exec(${JSON.stringify(SEEN_TABLE)});
    const seen = new Set(Array.from(sql.exec("SELECT name FROM d1_migrations"), ({ name }) => name));
    for (const [name, ...statements] of await request.json()) {
      if (seen.has(name)) continue;
      this.ctx.storage.transactionSync(() => {
        for (const statement of statements) sql.exec(statement);
        sql.exec("INSERT INTO d1_migrations (name) VALUES (?)", name);
      });
    }
    await this.ctx.storage.sync();
    return new Response();
  }
}
export default {
  fetch: (request, env) => env.DATABASE.get(env.DATABASE.idFromName(${JSON.stringify(DATABASE_NAME)})).fetch(request),
};`;

async function migrate({ bindings, dataFolder, migrations }: PlatformFile): Promise<void> {
  takeOverD1(dataFolder);
  const platform = new Miniflare({
    host: "127.0.0.1",
    port: 0,
    cf: false,
    telemetry: { enabled: false },
    // it would be a file in the home folder, through which other programs of this user reach the Worker
    enableDevRegistry: false,
    logRequests: false,
    resourcePersistencePath: dataFolder,
    workers: [
      {
        config: {
          name: APP,
          compatibilityDate: bindings.compatibilityDate,
          manifest: {
            mainModule: "index.js",
            modules: { "index.js": { type: "esm", contents: MIGRATOR_SOURCE } },
          },
          env: { DATABASE: { type: "durable-object", worker: APP, exportName: DATABASE_CLASS } },
          exports: { [DATABASE_CLASS]: DATABASE_EXPORT },
        },
      },
    ],
  });
  try {
    const files = migrations.map((file) => [basename(file), ...statementsOf(readFileSync(file, "utf8"))]);
    const response = await platform.dispatchFetch("http://database/", {
      method: "POST",
      body: JSON.stringify(files),
    });
    if (!response.ok) throw new Error(await response.text());
  } finally {
    await platform.dispose();
  }
}

const statementsOf = (file: string): string[] =>
  file.split("--> statement-breakpoint").filter((text) => text.trim() !== "");

/** Moves the database of earlier versions, which was D1's, to where the object of the same name finds it. */
function takeOverD1(dataFolder: string): void {
  const [former, own] = ["d1", "do"].map((kind) => join(dataFolder, kind, DATABASE_EXPORT.unsafeUniqueKey));
  if (former === undefined || own === undefined || !existsSync(former) || existsSync(own)) return;
  mkdirSync(dirname(own), { recursive: true });
  renameSync(former, own);
}

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error("The file that describes the platform is missing");
await migrate(JSON.parse(readFileSync(path, "utf8")) as PlatformFile);
