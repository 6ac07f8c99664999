import { RecordingStarted } from "../../../schema/wire/callback.ts";
import { takeRecording } from "../../services/runs/run-reports.ts";
import { claimed } from "./claimed.ts";

/** `POST /internal/runs/{id}/recording` */
export const recording = claimed(RecordingStarted, takeRecording);
