import { PublishRequest } from "../../../schema/wire/callback.ts";
import { takePublish } from "../../services/runs/run-reports.ts";
import { claimed } from "./claimed.ts";

/** `POST /internal/runs/{id}/publish` */
export const publish = claimed(PublishRequest, takePublish);
