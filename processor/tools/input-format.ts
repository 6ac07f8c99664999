/**
 * Determines what foreign bytes are from their first bytes, in this code and never by a tool: a tool that guesses may
 * take a playlist for media, and opens whatever the playlist names. Linear in the number of bytes.
 */

/** The containers that tools may read, with the names of ffmpeg's demuxers. None of them opens another file. */
export const CONTAINER_DEMUXERS = [
  ...["mov", "matroska", "mpegts", "mpeg", "flv", "avi", "asf"],
  ...["mp3", "aac", "ac3", "eac3", "ogg", "wav", "flac", "aiff", "caf", "amr"],
] as const;
export type ContainerDemuxer = (typeof CONTAINER_DEMUXERS)[number];

/** Images that tools may read: one file each, and no scripts as in SVG. */
export const IMAGE_DEMUXERS = ["jpeg_pipe", "png_pipe", "webp_pipe", "gif_pipe", "bmp_pipe"] as const;
export type ImageDemuxer = (typeof IMAGE_DEMUXERS)[number];

/** How many bytes from the beginning are enough to decide. */
export const SNIFF_BYTES = 16 << 10;

const ID3_HEADER_BYTES = 10;

/**
 * The container that begins with these bytes; null for anything else, including playlists.
 *
 * @param head up to {@link SNIFF_BYTES}; more do not matter
 * @example sniffContainer(Buffer.from("#EXTM3U\n")) // null
 */
export function sniffContainer(head: Buffer): ContainerDemuxer | null {
  const bytes = head.subarray(0, SNIFF_BYTES);
  return byMagic(bytes) ?? tagged(bytes) ?? (isTransportStream(bytes) ? "mpegts" : null) ?? byFrames(bytes);
}

/** The kind of image that begins with these bytes; null for anything else, including SVG. */
export function sniffImage(head: Buffer): ImageDemuxer | null {
  if (startsWith(head, "\xff\xd8\xff")) return "jpeg_pipe";
  if (startsWith(head, "\x89PNG\r\n\x1a\n")) return "png_pipe";
  if (startsWith(head, "RIFF") && startsWith(head, "WEBP", 8)) return "webp_pipe";
  if (startsWith(head, "GIF87a") || startsWith(head, "GIF89a")) return "gif_pipe";
  // the size of its header follows: two letters alone may begin any text
  if (startsWith(head, "BM") && [12, 40, 108, 124].includes(uint32(head, 14))) return "bmp_pipe";
  return null;
}

/** Boxes with which a file of the mp4 family, or a piece of one, may begin. */
const ISO_BOXES = new Set(
  [
    "ftyp",
    "styp",
    "moov",
    "moof",
    "mdat",
    "sidx",
    "emsg",
    "prft",
    "free",
    "skip",
    "wide",
    "pnot",
    "uuid",
  ].concat("udta", "junk"),
);

const MAGIC: readonly (readonly [ContainerDemuxer, string, number?])[] = [
  ["matroska", "\x1a\x45\xdf\xa3"],
  ["ogg", "OggS"],
  ["flac", "fLaC"],
  ["flv", "FLV\x01"],
  ["asf", "\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"],
  ["mpeg", "\x00\x00\x01\xba"],
  ["caf", "caff\x00\x01"],
  ["amr", "#!AMR"],
];

const FAMILIES: Readonly<Record<string, Readonly<Record<string, ContainerDemuxer>>>> = {
  RIFF: { WAVE: "wav", "AVI ": "avi", AVIX: "avi" },
  RF64: { WAVE: "wav" },
  BW64: { WAVE: "wav" },
  FORM: { AIFF: "aiff", AIFC: "aiff" },
};

function byMagic(bytes: Buffer): ContainerDemuxer | null {
  if (ISO_BOXES.has(text(bytes, 4, 4))) return "mov";
  const found = MAGIC.find(([, magic, at]) => startsWith(bytes, magic, at));
  return found?.[0] ?? FAMILIES[text(bytes, 0, 4)]?.[text(bytes, 8, 4)] ?? null;
}

/** ID3 tags come before several kinds of audio; after a large one it is almost always MP3. */
function tagged(bytes: Buffer): ContainerDemuxer | null {
  if (!startsWith(bytes, "ID3")) return null;
  let at = 0;
  while (startsWith(bytes, "ID3", at) && at + ID3_HEADER_BYTES <= bytes.length) {
    at += ID3_HEADER_BYTES + syncSafe(bytes, at + 6);
  }
  const rest = bytes.subarray(Math.min(at, bytes.length));
  if (startsWith(rest, "fLaC")) return "flac";
  return byFrames(rest) ?? "mp3";
}

const PACKET_SIZES = [188, 192, 204];
const PACKETS = 5;

/** Sync bytes at the distance of packets, starting anywhere in the first packets: recordings begin in the middle. */
function isTransportStream(bytes: Buffer): boolean {
  return PACKET_SIZES.some((size) => {
    for (let first = 0; first < size; first++) {
      const count = Math.min(PACKETS, Math.ceil((bytes.length - first) / size));
      // a short segment may have few packets, but it begins with one
      const enough = first === 0 || (size === 192 && first === 4) ? 1 : PACKETS;
      if (count < enough || bytes.length < size) continue;
      if (Array.from({ length: count }, (_, i) => bytes[first + i * size]).every((byte) => byte === 0x47)) {
        return true;
      }
    }
    return false;
  });
}

/** Elementary streams of audio have frames that state their length: two that fit, one after the other. */
function byFrames(bytes: Buffer): ContainerDemuxer | null {
  for (let at = 0; at + 8 <= bytes.length; at++) {
    const frame = frameAt(bytes, at);
    if (frame === null) continue;
    const next = frameAt(bytes, at + frame.length);
    const isLast = at === 0 && frame.length >= bytes.length - 8;
    if (next?.demuxer === frame.demuxer || isLast) return frame.demuxer;
  }
  return null;
}

interface Frame {
  readonly demuxer: ContainerDemuxer;
  /** In bytes. */
  readonly length: number;
}

function frameAt(bytes: Buffer, at: number): Frame | null {
  const [first = 0, second = 0, third = 0, fourth = 0, fifth = 0, sixth = 0] = bytes.subarray(at, at + 6);
  if (first === 0x0b && second === 0x77) return dolbyFrame(third, fourth, fifth, sixth);
  if (first !== 0xff || (second & 0xe0) !== 0xe0) return null;
  const layer = (second >> 1) & 3;
  if (layer === 0) {
    const length = ((fourth & 3) << 11) | (fifth << 3) | (sixth >> 5);
    const isAdts = (second & 0xf0) === 0xf0 && ((third >> 2) & 15) < 13;
    return isAdts && length > 7 ? { demuxer: "aac", length } : null;
  }
  return mpegFrame((second >> 3) & 3, layer, third);
}

/** Kilobits per second by layer, I to III, of MPEG 1 and of its successors. */
const MPEG1_BITRATES = [
  [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
];
const MPEG2_BITRATES = [
  [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];
const SAMPLE_RATES = [44_100, 48_000, 32_000];

/** @param version 3 is MPEG 1, 2 is MPEG 2, 0 is MPEG 2.5 @param layerBits 3 is layer I, 1 is layer III */
function mpegFrame(version: number, layerBits: number, third: number): Frame | null {
  const layer = 3 - layerBits;
  const bitrate = (version === 3 ? MPEG1_BITRATES : MPEG2_BITRATES)[layer]?.[third >> 4];
  const rate = SAMPLE_RATES[(third >> 2) & 3];
  if (version === 1 || !bitrate || rate === undefined) return null;
  const sampleRate = rate >> (version === 3 ? 0 : version === 2 ? 1 : 2);
  const padding = (third >> 1) & 1;
  if (layer === 0) {
    return { demuxer: "mp3", length: (Math.floor((12_000 * bitrate) / sampleRate) + padding) * 4 };
  }
  const factor = layer === 2 && version !== 3 ? 72_000 : 144_000;
  return { demuxer: "mp3", length: Math.floor((factor * bitrate) / sampleRate) + padding };
}

/** Words of 16 bits in a frame of AC-3 at 48 kHz, by half its code. */
const AC3_WORDS = [
  64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1152, 1280,
];

function dolbyFrame(third: number, fourth: number, fifth: number, sixth: number): Frame | null {
  if (sixth >> 3 > 10) return { demuxer: "eac3", length: 2 * ((((third & 7) << 8) | fourth) + 1) };
  const words = AC3_WORDS[(fifth & 0x3f) >> 1];
  const rate = SAMPLE_RATES[fifth >> 6 === 0 ? 1 : fifth >> 6 === 1 ? 0 : 2];
  if (words === undefined || fifth >> 6 === 3 || rate === undefined) return null;
  const exact = Math.floor((words * 48_000) / rate);
  // at 44.1 kHz, frames with one more word keep the bit rate
  return { demuxer: "ac3", length: 2 * (exact + (rate === 44_100 ? fifth & 1 : 0)) };
}

const startsWith = (bytes: Buffer, magic: string, at = 0): boolean => text(bytes, at, magic.length) === magic;
const text = (bytes: Buffer, at: number, length: number): string => bytes.toString("latin1", at, at + length);
const uint32 = (bytes: Buffer, at: number): number => (bytes.length < at + 4 ? -1 : bytes.readUInt32LE(at));

/** A length of four times seven bits, without the header before it. */
const syncSafe = (bytes: Buffer, at: number): number =>
  [0, 1, 2, 3].reduce((sum, i) => sum * 128 + ((bytes[at + i] ?? 0) & 0x7f), 0);
