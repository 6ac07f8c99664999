import { utf8 } from "../../schema/bytes.ts";

/** Size of a page in bytes of UTF-8: half of what a parameter of the database may have. */
const PAGE_BYTES = 1_000_000;

/**
 * Splits items into pages whose JSON fits into one parameter of the database. An item that is larger than a page has
 * one of its own.
 *
 * @example jsonPages([1, 2]) // [[1, 2]]
 */
export function jsonPages<T>(items: readonly T[], maxBytes = PAGE_BYTES): T[][] {
  const pages: T[][] = [];
  let page: T[] = [];
  let size = 0;
  for (const item of items) {
    const bytes = utf8(JSON.stringify(item)).byteLength + 1;
    if (page.length > 0 && size + bytes > maxBytes) {
      pages.push(page);
      [page, size] = [[], 0];
    }
    page.push(item);
    size += bytes;
  }
  if (page.length > 0) pages.push(page);
  return pages;
}
