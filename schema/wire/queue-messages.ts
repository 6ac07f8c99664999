import { z } from "zod";
import { Id } from "../ids.ts";
import { Version } from "./version.ts";

/** A dispatch message: a job may be runnable. Whether it is, the database decides. */
export const DispatchMessage = z.object({ v: Version, job_id: Id });
export type DispatchMessage = z.infer<typeof DispatchMessage>;

/** A delivery message: a delivery may be due. */
export const DeliveryMessage = z.object({ v: Version, delivery_id: Id });
export type DeliveryMessage = z.infer<typeof DeliveryMessage>;
