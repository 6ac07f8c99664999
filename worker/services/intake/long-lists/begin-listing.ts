import type { RequestContext } from "../../../context.ts";
import type { BatchListingRow } from "../../../db/listings/listing-rows.ts";
import type { ListedEntry, Listing } from "../../sources/listing/listing.ts";
import { type KeptRequest, sealRequest } from "./kept-request.ts";
import { KnownEntries, keyed } from "./known-entries.ts";

interface Beginning {
  readonly batchId: string;
  readonly accountId: string;
  readonly request: Omit<KeptRequest, "body">;
  readonly listing: Pick<Listing, "entries">;
}

/** The beginning of a list that is too long for one request: its entries, each once, and where to read on. */
export async function beginListing(
  context: RequestContext,
  { batchId, accountId, request, listing }: Beginning,
): Promise<{ entries: ListedEntry[]; row: BatchListingRow }> {
  const known = new KnownEntries();
  const entries = known.add(await keyed({ entries: listing.entries, start: 0 }));
  const row: BatchListingRow = {
    batch_id: batchId,
    account_id: accountId,
    ...(await sealRequest(context, accountId, request)),
    first: entries.length,
    position: listing.entries.length,
    fence: context.newId(),
    known: known.text,
    due_at: context.clock(),
    failures: 0,
    error: null,
    outcome: null,
  };
  return { entries, row };
}
