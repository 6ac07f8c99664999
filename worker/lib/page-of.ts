/** Cuts query results to a page. @param found one row more than the page holds, if there is one */
export function pageOf<T extends { readonly id: string }>(
  found: readonly T[],
  limit: number,
): { page: T[]; next_cursor: string | null } {
  const page = found.slice(0, limit);
  return { page, next_cursor: found.length > limit ? (page.at(-1)?.id ?? null) : null };
}
