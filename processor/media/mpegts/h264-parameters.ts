import { UnsupportedMediaError } from "../isobmff/box-view.ts";
import { box, uint16, uint32 } from "../isobmff/write-boxes.ts";
import { Bits } from "./bits.ts";
import { withoutEscapes } from "./nal-units.ts";

/** What a sequence parameter set of H.264 says about all its pictures. */
export interface SequenceParameters {
  readonly chromaFormat: number;
  readonly lumaDepth: number;
  readonly chromaDepth: number;
  readonly width: number;
  readonly height: number;
  /** Of one pixel. */
  readonly aspect: { readonly width: number; readonly height: number };
  /** Primaries, transfer, matrix; null if nothing is stated. */
  readonly colours: readonly [number, number, number] | null;
  readonly isFullRange: boolean;
}

/** Profiles that state their chroma format and depths. */
const HIGH_PROFILES = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);
/** Profiles whose parameters end without those in the file format, too. */
const PLAIN_PROFILES = new Set([66, 77, 88]);
/** Pixel aspect ratios by their number. */
const ASPECTS = "1:1 1:1 12:11 10:11 16:11 40:33 24:11 20:11 32:11 80:33 18:11 15:11 64:33 160:99 4:3 3:2 2:1"
  .split(" ")
  .map((aspect) => aspect.split(":").map(Number));
const OWN_ASPECT = 255;
const UNKNOWN_COLOUR = 2;

/**
 * @param unit the whole NAL unit
 * @throws UnsupportedMediaError for fields instead of frames, and for damage
 */
export function readSequenceParameters(unit: Uint8Array): SequenceParameters {
  const bits = new Bits(withoutEscapes(unit.subarray(1)));
  const profile = bits.read(8);
  bits.read(16);
  bits.unsigned();
  const formats = HIGH_PROFILES.has(profile)
    ? readFormats(bits)
    : { chromaFormat: 1, lumaDepth: 8, chromaDepth: 8 };
  bits.unsigned();
  skipOrder(bits);
  bits.unsigned();
  bits.flag();
  const macroblocks = [bits.unsigned() + 1, bits.unsigned() + 1] as const;
  if (!bits.flag()) throw new UnsupportedMediaError("fields");
  bits.flag();
  const { chromaFormat } = formats;
  const [stepX, stepY] = [chromaFormat === 1 || chromaFormat === 2 ? 2 : 1, chromaFormat === 1 ? 2 : 1];
  const crop = bits.flag() ? [0, 1, 2, 3].map(() => bits.unsigned()) : [];
  const [left = 0, right = 0, top = 0, bottom = 0] = crop;
  const usability = bits.flag() ? readUsability(bits) : NOTHING_DECLARED;
  const width = macroblocks[0] * 16 - stepX * (left + right);
  const height = macroblocks[1] * 16 - stepY * (top + bottom);
  if (bits.overrun || width <= 0 || height <= 0 || width > 0xffff || height > 0xffff) {
    throw new UnsupportedMediaError("damaged parameters");
  }
  return { ...formats, width, height, ...usability };
}

function readFormats(bits: Bits): Pick<SequenceParameters, "chromaFormat" | "lumaDepth" | "chromaDepth"> {
  const chromaFormat = bits.unsigned();
  if (chromaFormat === 3) bits.flag();
  const [lumaDepth, chromaDepth] = [bits.unsigned() + 8, bits.unsigned() + 8];
  bits.flag();
  if (bits.flag()) for (let list = 0; list < (chromaFormat === 3 ? 12 : 8); list++) skipScaling(bits, list);
  return { chromaFormat, lumaDepth, chromaDepth };
}

function skipScaling(bits: Bits, list: number): void {
  if (!bits.flag()) return;
  let [last, next] = [8, 8];
  for (let entry = 0; entry < (list < 6 ? 16 : 64) && next !== 0; entry++) {
    next = (last + bits.signed() + 256) % 256;
    last = next === 0 ? last : next;
  }
}

/** How the order of pictures is stated. */
function skipOrder(bits: Bits): void {
  const type = bits.unsigned();
  if (type === 0) bits.unsigned();
  if (type !== 1) return;
  bits.flag();
  bits.signed();
  bits.signed();
  for (let count = bits.unsigned(); count > 0 && !bits.overrun; count--) bits.signed();
}

type Usability = Pick<SequenceParameters, "aspect" | "colours" | "isFullRange">;

const NOTHING_DECLARED: Usability = { aspect: { width: 1, height: 1 }, colours: null, isFullRange: false };

function readUsability(bits: Bits): Usability {
  const aspect = bits.flag() ? readAspect(bits) : NOTHING_DECLARED.aspect;
  if (bits.flag()) bits.flag();
  if (!bits.flag()) return { ...NOTHING_DECLARED, aspect };
  bits.read(3);
  const isFullRange = bits.flag();
  const colours = bits.flag() ? ([bits.read(8), bits.read(8), bits.read(8)] as const) : null;
  return { aspect, colours, isFullRange };
}

function readAspect(bits: Bits): SequenceParameters["aspect"] {
  const type = bits.read(8);
  const declared = type === OWN_ASPECT ? [bits.read(16), bits.read(16)] : (ASPECTS[type] ?? []);
  const [width = 1, height = 1] = declared;
  return width === 0 || height === 0 ? NOTHING_DECLARED.aspect : { width, height };
}

/** The sample entry `avc1` of pictures that have these parameter sets, complete NAL units. */
export function avcEntry(sequence: Buffer, pictures: readonly Buffer[]): Buffer {
  const parameters = readSequenceParameters(sequence);
  const { aspect, colours, height, isFullRange, width } = parameters;
  const pixels = box("pasp", uint32(aspect.width, aspect.height));
  const isDeclared = colours?.some((value) => value !== UNKNOWN_COLOUR);
  const colour =
    isDeclared &&
    box("colr", Buffer.from("nclx"), uint16(...(colours ?? [])), Buffer.of(isFullRange ? 0x80 : 0));
  return box(
    "avc1",
    Buffer.concat([uint32(0), uint16(0, 1), Buffer.alloc(16), uint16(width, height)]),
    // 72 dots per inch, one frame per sample, no name, 24 bits
    Buffer.concat([uint32(0x480000, 0x480000, 0), uint16(1), Buffer.alloc(32), uint16(0x18, 0xffff)]),
    box("avcC", configuration(sequence, pictures, parameters)),
    ...(colour ? [colour] : []),
    pixels,
  );
}

function configuration(
  sequence: Buffer,
  pictures: readonly Buffer[],
  { chromaDepth, chromaFormat, lumaDepth }: SequenceParameters,
): Buffer {
  const sized = (unit: Buffer) => [uint16(unit.length), unit];
  return Buffer.concat([
    ...[Buffer.of(1), sequence.subarray(1, 4), Buffer.of(0xff, 0xe1), ...sized(sequence)],
    ...[Buffer.of(pictures.length), ...pictures.flatMap(sized)],
    ...(PLAIN_PROFILES.has(sequence.readUInt8(1))
      ? []
      : [Buffer.of(0xfc | chromaFormat, 0xf8 | (lumaDepth - 8), 0xf8 | (chromaDepth - 8), 0)]),
  ]);
}
