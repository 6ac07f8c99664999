import { z } from "zod";
import { Id } from "../ids.ts";
import { Version } from "./version.ts";

/** A dispatch message: a job may be runnable; the database says what is true. */
export const Hint = z.object({ v: Version, job_id: Id });
export type Hint = z.infer<typeof Hint>;

/** A delivery message: a delivery may be due. */
export const NoticeHint = z.object({ v: Version, delivery_id: Id });
export type NoticeHint = z.infer<typeof NoticeHint>;
