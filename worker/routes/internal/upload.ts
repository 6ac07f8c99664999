import { UploadStarted } from "../../../schema/wire/callback.ts";
import { takeUpload } from "../../services/runs/run-reports.ts";
import { claimed } from "./claimed.ts";

/** `POST /internal/runs/{id}/upload` */
export const upload = claimed(UploadStarted, takeUpload);
