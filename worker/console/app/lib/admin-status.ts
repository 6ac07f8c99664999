import type { CallResponse } from "../../../../schema/client.ts";
import type { Session } from "./session.ts";

/** `GET /status` with the operator's part, which needs the operator's token although everybody may call the route. */
export async function adminStatusOf(
  adminText: Session["adminText"],
  signal: AbortSignal,
): Promise<CallResponse<"status">> {
  return JSON.parse(await adminText("/status", signal));
}
