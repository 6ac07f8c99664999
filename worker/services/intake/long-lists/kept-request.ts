import { z } from "zod";
import { JobRequest } from "../../../../schema/api/job-request.ts";
import { Adjustment } from "../../../../schema/media.ts";
import type { RequestContext } from "../../../context.ts";
import type { BatchListingRow } from "../../../db/listings/listing-rows.ts";
import { checkStorage, type VerifiedStorage } from "../../storage/verify/verify-storage.ts";

/** What is kept sealed of a request while its list is read: everything that its jobs are made of. */
const Kept = z.object({
  sent: z.record(z.string(), z.unknown()),
  ignored: z.array(Adjustment),
  storage_adjustments: z.array(Adjustment),
});

export interface KeptRequest {
  readonly body: JobRequest;
  /** The body as it was sent. */
  readonly sent: Record<string, unknown>;
  /** Its unknown members. */
  readonly ignored: readonly Adjustment[];
  readonly storage: VerifiedStorage | undefined;
}

export async function sealRequest(
  { sealer }: Pick<RequestContext, "sealer">,
  accountId: string,
  { sent, ignored, storage }: Omit<KeptRequest, "body">,
): Promise<Pick<BatchListingRow, "sealed" | "sealing_key_id">> {
  const text = JSON.stringify({ sent, ignored, storage_adjustments: storage?.adjustments ?? [] });
  const { sealed, key_id } = await sealer.seal(text, { owner: accountId, purpose: "batch.listing" });
  return { sealed, sealing_key_id: key_id };
}

/** @throws UnsealError; ApiError if the storage is refused by now */
export async function openRequest(
  context: RequestContext,
  { account_id: owner, sealed }: Pick<BatchListingRow, "account_id" | "sealed">,
): Promise<KeptRequest> {
  const text = await context.sealer.open(sealed ?? "", { owner, purpose: "batch.listing" });
  const { sent, ignored, storage_adjustments: adjustments } = Kept.parse(JSON.parse(text));
  const body = JobRequest.parse(sent);
  const { storage: inline } = body;
  const storage = inline && {
    storage: inline,
    target: checkStorage(context, inline, "storage"),
    adjustments,
  };
  return { body, sent, ignored, storage };
}
