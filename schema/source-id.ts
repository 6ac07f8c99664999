import { sha256Hex } from "./bytes.ts";

/** Characters of an address's hash that are used. */
const TAG_LENGTH = 8;

/**
 * A short tag for an address, used in names of media without an id: two addresses that end alike
 * (`…/ep1/audio.mp3`, `…/ep2/audio.mp3`) get two names, and the same address always gets the same one.
 *
 * @returns eight hexadecimal digits of its SHA-256
 * @example await addressTag("https://media.example.com/ep1/audio.mp3") // "b0f8c1d2"
 */
export async function addressTag(url: string): Promise<string> {
  return (await sha256Hex(url)).slice(0, TAG_LENGTH);
}
