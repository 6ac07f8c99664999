import { toBase64, utf8 } from "../../schema/bytes.ts";

/**
 * The value of `Content-MD5`, by which a storage verifies what it received. Buckets with object lock require it.
 *
 * @example await contentMd5("") // "1B2M2Y8AsgTpgAmY7PhCfg=="
 */
export const contentMd5 = async (text: string): Promise<string> =>
  toBase64(await crypto.subtle.digest("MD5", utf8(text)));
