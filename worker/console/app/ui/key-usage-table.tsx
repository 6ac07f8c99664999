import type { KeyUsage } from "../../../../schema/api/usage.ts";
import { useFormats } from "../lib/format.ts";
import { useTexts } from "../texts/texts.ts";
import { Table } from "./table.tsx";

/** What each key of an account used in a month, with bars to compare them. */
export function KeyUsageTable({ keys }: { readonly keys: readonly KeyUsage[] }) {
  const { usage: words } = useTexts();
  const write = useFormats();
  const most = Math.max(1, ...keys.map(({ usage_count }) => usage_count));
  return (
    <Table
      label={words.keys}
      rows={keys}
      keyOf={({ key_id }) => key_id}
      columns={[
        {
          head: words.key,
          isName: true,
          cell: ({ name, last4 }) => (
            <>
              {name} <code>…{last4}</code>
            </>
          ),
        },
        {
          head: words.jobs,
          cell: ({ usage_count, name }) => (
            <div class="state">
              <span>{write.count(usage_count)}</span>
              <meter aria-label={`${words.jobs}: ${name}`} min={0} max={most} value={usage_count} />
            </div>
          ),
        },
        {
          head: words.delivered,
          isNumber: true,
          cell: ({ storage_usage_bytes }) => write.bytes(storage_usage_bytes),
        },
        {
          head: words.reserved,
          isNumber: true,
          cell: ({ storage_reserved_bytes }) => write.bytes(storage_reserved_bytes),
        },
      ]}
    />
  );
}
