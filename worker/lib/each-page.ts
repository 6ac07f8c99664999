/** Pages that are worked through at once; what is left over is done the next time. */
const MAX_PAGES = 50;

/** The result of a page, and whether another one may follow. */
export interface Page {
  readonly count: number;
  readonly more: boolean;
}

/** What pages may spend together, such as calls of the database: no page begins without any left. */
export interface PageBudget {
  readonly isSpent: () => boolean;
}

/** Works through pages, a bounded number of them. @returns how many things were done in all */
export async function eachPage({ isSpent }: PageBudget, page: () => Promise<Page>): Promise<number> {
  let total = 0;
  for (let pages = 0; pages < MAX_PAGES && !isSpent(); pages++) {
    const { count, more } = await page();
    total += count;
    if (!more) break;
  }
  return total;
}
