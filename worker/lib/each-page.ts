/** Pages that one call processes at most; the rest is left to the next time. */
const MAX_PAGES = 50;

/** The result of a page, and whether another one may follow. */
export interface Page {
  readonly count: number;
  readonly more: boolean;
}

/** A shared budget of the pages, such as calls of the database: no page begins when it is used up. */
export interface PageBudget {
  readonly isSpent: () => boolean;
}

/** Processes a bounded number of pages. @returns the total number of items */
export async function eachPage({ isSpent }: PageBudget, page: () => Promise<Page>): Promise<number> {
  let total = 0;
  for (let pages = 0; pages < MAX_PAGES && !isSpent(); pages++) {
    const { count, more } = await page();
    total += count;
    if (!more) break;
  }
  return total;
}
