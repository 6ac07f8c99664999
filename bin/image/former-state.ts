import { createHash, randomUUID } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Miniflare } from "miniflare";
import { makeApiKey } from "../../worker/lib/api-key.ts";
import { migrationFiles } from "../stack/migrations.ts";

/** A state as the former version left it: in D1, without the newest migration. */
export interface FormerState {
  /** A key of an account in it. */
  readonly apiKey: string;
}

/** Creates such a state in an empty folder. */
export async function makeFormerState(folder: string): Promise<FormerState> {
  mkdirSync(folder, { recursive: true });
  const platform = new Miniflare({
    ...{ host: "127.0.0.1", port: 0, cf: false, enableDevRegistry: false },
    resourcePersistencePath: join(folder, "platform", "v3"),
    workers: [
      {
        config: {
          ...{ name: "former", compatibilityDate: "2026-01-01" },
          manifest: {
            mainModule: "index.js",
            modules: {
              "index.js": { type: "esm", contents: "export default { fetch: () => new Response() }" },
            },
          },
          env: { DB: { type: "d1", id: "DB" } },
        },
      },
    ],
  });
  try {
    const db = await platform.getD1Database("DB");
    await db
      .prepare("CREATE TABLE d1_migrations(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE)")
      .run();
    for (const file of migrationFiles().slice(0, -1)) {
      const statements = readFileSync(file, "utf8").split("--> statement-breakpoint");
      await db.batch(statements.map((statement) => db.prepare(statement)));
      await db.prepare("INSERT INTO d1_migrations (name) VALUES (?)").bind(basename(file)).run();
    }
    const apiKey = makeApiKey((length) => crypto.getRandomValues(new Uint8Array(length)));
    const account = randomUUID();
    await db.batch([
      db
        .prepare(
          "INSERT INTO accounts (id, name, source, limits, created_at) VALUES (?, ?, 'direct', '{}', ?)",
        )
        .bind(account, "former", Date.now()),
      db
        .prepare(
          "INSERT INTO api_keys (id, account_id, name, sha256, prefix, last4, created_at) VALUES (?, ?, 'k', ?, ?, ?, ?)",
        )
        .bind(
          ...[randomUUID(), account, createHash("sha256").update(apiKey).digest("hex")],
          ...[apiKey.slice(0, 12), apiKey.slice(-4), Date.now()],
        ),
    ]);
    return { apiKey };
  } finally {
    await platform.dispose();
  }
}
