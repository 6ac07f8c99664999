import { Outcome } from "../../../schema/wire/callback.ts";
import { takeOutcome } from "../../services/runs/run-reports.ts";
import { claimed } from "./claimed.ts";

/** `POST /internal/runs/{id}/outcome` */
export const outcome = claimed(Outcome, takeOutcome);
