import { ascii, box, fullBox, MAX_UINT32, uint32, uint64 } from "./write-boxes.ts";

/** Boxes that all tracks have. */

const OWN_FILE = 1;
/** Shown unchanged, neither rotated nor scaled. */
export const UNITY_MATRIX = uint32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);

/** A header that states a duration after unknown dates: the short form if it fits, since all players support it. */
export function headerBox(
  type: string,
  flags: number,
  duration: number,
  between: readonly number[],
  ...rest: readonly Uint8Array[]
): Buffer {
  const isLong = duration > MAX_UINT32;
  const time = isLong ? uint64 : uint32;
  const times = [time(0), time(0), uint32(...between), time(duration)];
  return fullBox(type, isLong ? 1 : 0, flags, ...times, ...rest);
}

/** States what kind of thing is described. */
export const handlerBox = (kind: string, maker: string, name: string): Buffer =>
  fullBox("hdlr", 0, 0, ascii(`\0\0\0\0${kind}${maker}`), uint32(0, 0), ascii(`${name}\0`));

/** States that the samples are in this file. */
export const dataInformation = (): Buffer =>
  box("dinf", fullBox("dref", 0, 0, uint32(1), fullBox("url ", 0, OWN_FILE)));
