import { integer, text } from "drizzle-orm/sqlite-core";

/** The tables of D1. Times are epoch milliseconds, sizes bytes, rates bytes per second. Migrations expand first and contract later. */

export const id = () => text("id").primaryKey();

export const time = (name: string) => integer(name);

export const json = <T>(name: string) => text(name, { mode: "json" }).$type<T>();
