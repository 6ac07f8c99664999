/** A time as signatures write it. @example compactTime(0) // "19700101T000000Z" */
export const compactTime = (epochMs: number): string =>
  new Date(epochMs).toISOString().replace(/[-:]|\.\d{3}/g, "");
