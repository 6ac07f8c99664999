import type { ListLine, WireEntry } from "../../../schema/wire/probe.ts";

/** What a processor answers that was asked for the entries of a list. */
export function toldList(entries: readonly Partial<WireEntry>[], title: string | null = null): Response {
  const lines: ListLine[] = [
    { type: "list", v: 1, title },
    ...entries.map(
      (entry, index): WireEntry => ({
        ...{ type: "entry", url: `https://lists.example.com/watch/${index}`, id: `id${index}` },
        ...{ title: `Part ${index}`, description: null, release_date: null, unavailable: false },
        ...entry,
      }),
    ),
    { type: "end" },
  ];
  return new Response(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}

/** Entries about which a test has nothing to say. */
export const anyEntries = (count: number): Partial<WireEntry>[] => Array.from({ length: count }, () => ({}));
