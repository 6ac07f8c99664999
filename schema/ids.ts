import { z } from "zod";

/** Ids are UUIDs; those that Waterspout creates are version 7, so they sort by time of creation. */
export const Id = z
  .guid("must be a UUID")
  .meta({ description: "UUID", example: "01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17" });

const TIME = "must be a time in epoch milliseconds, such as 1795392000000";

/** Epoch milliseconds. */
export const Time = z
  .int(TIME)
  .min(0, TIME)
  .meta({ description: "Epoch milliseconds", example: 1795392000000 });
