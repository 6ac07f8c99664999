import type { NewObject } from "../object-store.ts";

/** The headers with which an object is stored. */
export const storedHeaders = ({ contentDisposition, contentType }: NewObject): Record<string, string> => ({
  "content-type": contentType,
  ...(contentDisposition === undefined ? {} : { "content-disposition": contentDisposition }),
});
