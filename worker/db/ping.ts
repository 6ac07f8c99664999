import { sql } from "drizzle-orm";
import type { Db } from "./connection.ts";

/** Asks the database for nothing, to learn whether it answers. */
export async function ping(db: Db): Promise<void> {
  await db.run(sql`select 1`);
}
