/** `node migrate.ts <file>`: brings the database up to date before the Worker sees it, see `PlatformFile`. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { Miniflare } from "miniflare";
import type { PlatformFile } from "./platform-file.ts";

/** Where it is noted which files the database has seen; wrangler keeps the same table. */
const SEEN_TABLE = `CREATE TABLE IF NOT EXISTS d1_migrations(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT UNIQUE,
  applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)`;

/** Each file is applied whole or not at all. */
async function migrate({ bindings, dataFolder, migrations }: PlatformFile): Promise<void> {
  const [database] = bindings.databases;
  if (!database || migrations.length === 0) return;
  const platform = new Miniflare({
    host: "127.0.0.1",
    port: 0,
    cf: false,
    logRequests: false,
    resourcePersistencePath: dataFolder,
    workers: [
      {
        config: {
          name: "migrations",
          compatibilityDate: bindings.compatibilityDate,
          manifest: {
            mainModule: "index.js",
            modules: {
              "index.js": { type: "esm", contents: "export default { fetch: () => new Response() }" },
            },
          },
          env: { DB: { type: "d1", id: database.id } },
        },
      },
    ],
  });
  try {
    const db = await platform.getD1Database("DB");
    await db.prepare(SEEN_TABLE).run();
    const { results } = await db.prepare("SELECT name FROM d1_migrations").all<{ name: string }>();
    const seen = new Set(results.map(({ name }) => name));
    for (const file of migrations.filter((path) => !seen.has(basename(path)))) {
      const statements = readFileSync(file, "utf8").split("--> statement-breakpoint");
      await db.batch([
        ...statements.filter((text) => text.trim() !== "").map((text) => db.prepare(text)),
        db.prepare("INSERT INTO d1_migrations (name) VALUES (?)").bind(basename(file)),
      ]);
    }
  } finally {
    await platform.dispose();
  }
}

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error("The file that describes the platform is missing");
await migrate(JSON.parse(readFileSync(path, "utf8")) as PlatformFile);
