import type { SQL } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import type { Db } from "./connection.ts";

/** A statement that belongs to the move of one job: it takes effect only if `guard` holds. */
export type GuardedStatement = (db: Db, guard: SQL) => BatchItem<"sqlite">;

/** A condition: the job with this id is still as it was before the move. */
export type Guard = (jobId: SQL) => SQL;

/** A statement that belongs to the move of many jobs at once: it takes effect for jobs that pass the `guard`. */
export type GuardedSetStatement = (db: Db, guard: Guard) => BatchItem<"sqlite">;
