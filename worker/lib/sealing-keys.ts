import { fromBase64 } from "./bytes.ts";

/**
 * Reads `SEALING_KEYS`: comma-separated `id:key`, the newest first, each key 32 bytes as Base64.
 *
 * @returns null if the text has another form
 * @example parseSealingKeys("2026b:q83v…=,2026a:Zk3b…=")
 */
export function parseSealingKeys(text: string): { id: string; bytes: Uint8Array<ArrayBuffer> }[] | null {
  const keys = text.split(",").map((entry) => {
    const [, id = "", encoded = ""] = /^\s*([\w-]{1,32}):(\S+)\s*$/.exec(entry) ?? [];
    return { id, bytes: fromBase64(encoded) ?? new Uint8Array() };
  });
  const isWhole = keys.every(({ bytes }) => bytes.length === KEY_BYTES);
  const ids = new Set(keys.map(({ id }) => id));
  return isWhole && ids.size === keys.length ? keys : null;
}

const KEY_BYTES = 32;
