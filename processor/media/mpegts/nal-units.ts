import { UnsupportedMediaError } from "../isobmff/box-view.ts";

const START_CODE = Buffer.of(0, 0, 1);

/**
 * Where the NAL units are, start and end; zeros after them belong to none.
 *
 * @throws UnsupportedMediaError if something comes before the first
 */
export function* unitsOf(payload: Buffer): Generator<readonly [number, number]> {
  let code = payload.indexOf(START_CODE);
  if (code === -1 || payload.subarray(0, code).some((byte) => byte !== 0)) {
    throw new UnsupportedMediaError("no NAL unit where one must begin");
  }
  while (code !== -1) {
    const start = code + START_CODE.length;
    code = payload.indexOf(START_CODE, start);
    let end = code === -1 ? payload.length : code;
    while (end > start && payload[end - 1] === 0) end--;
    if (end > start) yield [start, end];
  }
}

/** The content of a NAL unit: a byte 3 after two zeros is only there to avoid a start code. */
export function withoutEscapes(bytes: Uint8Array): Uint8Array {
  let zeros = 0;
  return bytes.filter((byte) => {
    const isEscape = zeros >= 2 && byte === 3;
    zeros = byte === 0 ? zeros + 1 : 0;
    return !isEscape;
  });
}
