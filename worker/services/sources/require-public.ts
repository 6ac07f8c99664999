import { judgeUrl } from "../../../schema/address.ts";
import type { Config } from "../../config.ts";
import { invalidMember } from "../../lib/api-error.ts";

/** @throws ApiError `invalid_request` that names the field */
export function requirePublic(config: Config, path: string, url: string): void {
  const verdict = judgeUrl(new URL(url), config.allowedPrivateHosts);
  if (!verdict.allowed) throw invalidMember(path, `must be a public address (${verdict.reason})`);
}
