import { z } from "zod";
import { Country, ExitName, ExitSetting } from "../../exits.ts";
import { Time } from "../../ids.ts";

/** Addresses from which sources are asked, as the operator keeps them. */

const cost = z
  .number()
  .min(0)
  .max(1_000_000)
  .describe("Price of a gigabyte, in any currency; cheaper exits are used first");
const maxRuns = z.int().min(1).max(10_000).nullable().describe("Most runs at the same time; null: no limit");
const country = Country.nullable().describe("ISO 3166-1, two letters; null: unknown");
const enabled = z.boolean().describe("False: no run gets it");

/** Body of `POST /admin/exits`. */
export const NewExit = ExitSetting.extend({
  url: ExitSetting.shape.url.describe(
    "`http`, `https` or `socks5` URL of a proxy, with name and password if it needs them; `{session}` is replaced by a new text for each run. `direct`: the processor's own address, whose name must be `direct`",
  ),
  cost_per_gb: cost.default(0),
  max_runs: maxRuns.default(null),
  country: country.default(null),
  enabled: enabled.default(true),
})
  .refine(({ name, url }) => (name === "direct") === (url === "direct"), {
    path: ["name"],
    message: "must be direct for the URL direct, and for no other",
  })
  .meta({ id: "NewExit" });

/** Body of `PATCH /admin/exits/{name}`. */
export const ExitChange = z
  .strictObject({ country, cost_per_gb: cost, max_runs: maxRuns, enabled })
  .partial()
  .refine((change) => Object.keys(change).length > 0, "must change something")
  .meta({ id: "ExitChange" });

export const Exit = z
  .object({
    name: ExitName.meta({ example: "de-1" }),
    url: z
      .string()
      .describe("Without name and password")
      .meta({ example: "socks5://proxy.example.com:1080" }),
    country: Country.nullable(),
    cost_per_gb: cost,
    max_runs: maxRuns,
    enabled,
    origin: z
      .enum(["setting", "admin"])
      .describe("`setting`: from `EXITS`, and changed there; `admin`: kept through this route"),
    running: z.int().min(0).describe("Runs that use it, as of some seconds ago"),
    updated_at: Time.nullable(),
  })
  .meta({ id: "Exit" });
export type Exit = z.output<typeof Exit>;

export const ExitList = z.object({ exits: z.array(Exit) }).meta({ id: "ExitList" });
export const RemovedExit = z.object({ message: z.string(), name: ExitName }).meta({ id: "RemovedExit" });

export const exitParams = z.object({ name: ExitName });
