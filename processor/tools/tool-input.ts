import { open } from "node:fs/promises";
import { ServiceFault, SourceFault } from "../fault.ts";
import {
  type ContainerDemuxer,
  IMAGE_DEMUXERS,
  type ImageDemuxer,
  SNIFF_BYTES,
  sniffContainer,
  sniffImage,
} from "./input-format.ts";

/** Text formats that tools read; this code has determined what they are. */
export type TextDemuxer = "ffmetadata" | "srt" | "ass";

/** Kinds of segments that an HLS playlist may have; a segment that is a playlist itself is refused. */
const HLS_SEGMENTS = ["mpegts", "mov", "aac", "mp3", "ac3", "eac3", "webvtt"] as const;

/** Image decoders; an image needs no other one. */
const IMAGE_DECODERS = "mjpeg,png,webp,gif,bmp";

/** No file except the named one, not even for a track that claims to be elsewhere. */
const DEMUXER_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  mov: ["-enable_drefs", "0", "-use_absolute_path", "0"],
};

/** A file that is read, or the port of the proxy that the tool connects to. */
type Place = { readonly file: string } | { readonly url: string };

/**
 * One input of ffmpeg or ffprobe: the only way to name one. This code always chooses the demuxer, the tool guesses
 * nothing; of protocols it has only the one that this input needs, so that nothing named in the bytes can be opened.
 */
export class ToolInput {
  readonly #place: Place;
  readonly #formats: readonly string[];
  readonly #options: readonly string[];

  private constructor(place: Place, formats: readonly string[], options: readonly string[]) {
    this.#place = place;
    this.#formats = formats;
    this.#options = options;
  }

  /** Media in a file of the work folder. */
  static file(path: string, demuxer: ContainerDemuxer): ToolInput {
    return new ToolInput({ file: path }, [demuxer], []);
  }

  /** Media under an address that only the run's proxy serves. */
  static url(url: string, demuxer: ContainerDemuxer): ToolInput {
    return new ToolInput({ url }, [demuxer], []);
  }

  /** A playlist that was rewritten to addresses that only the run's proxy serves; see `HlsSource`. */
  static hls(url: string): ToolInput {
    return new ToolInput({ url }, ["hls", ...HLS_SEGMENTS], []);
  }

  /** An image in a file of the work folder. */
  static image(path: string, demuxer: ImageDemuxer): ToolInput {
    return new ToolInput({ file: path }, [demuxer], ["-codec_whitelist", IMAGE_DECODERS]);
  }

  /** A text in a file of the work folder. */
  static text(path: string, demuxer: TextDemuxer): ToolInput {
    return new ToolInput({ file: path }, [demuxer], []);
  }

  /** With options of ffmpeg that come before the input: where to seek, how to wait. */
  with(...options: readonly string[]): ToolInput {
    return new ToolInput(this.#place, this.#formats, [...options, ...this.#options]);
  }

  /** The file that the tool must be able to read; null for an address. */
  get path(): string | null {
    return "file" in this.#place ? this.#place.file : null;
  }

  /** The kind of what it opens. */
  get demuxer(): string {
    return this.#formats[0] ?? "";
  }

  /** @example ["-protocol_whitelist", "file", "-format_whitelist", "mp3", "-f", "mp3", "-i", "file:/w/a.mp3"] */
  get args(): readonly string[] {
    const { demuxer } = this;
    const isFile = "file" in this.#place;
    return [
      ...this.#options,
      ...(DEMUXER_OPTIONS[demuxer] ?? []),
      ...["-protocol_whitelist", isFile ? "file" : "http,tcp"],
      ...["-format_whitelist", this.#formats.join(",")],
      // a path that looks like a protocol or an option stays a path
      ...["-f", demuxer, "-i", "file" in this.#place ? `file:${this.#place.file}` : this.#place.url],
    ];
  }
}

/**
 * The demuxer for media that begins with these bytes.
 *
 * @throws Fault `unsupported_url` for an unsupported container
 */
export function demuxerOf(head: Buffer): ContainerDemuxer {
  const demuxer = sniffContainer(head);
  if (demuxer === null) throw new SourceFault("unsupported_url", "the bytes are no container that is read");
  return demuxer;
}

/**
 * Media in a file, whatever its container.
 *
 * @throws Fault as {@link demuxerOf}
 */
export async function mediaFile(path: string): Promise<ToolInput> {
  return ToolInput.file(path, demuxerOf(await firstBytes(path)));
}

/**
 * An image in a file.
 *
 * @throws Fault `processing` for an unsupported kind
 */
export async function imageFile(path: string): Promise<ToolInput> {
  const demuxer = sniffImage(await firstBytes(path));
  if (demuxer === null) {
    throw new ServiceFault("processing", `the picture is none of ${IMAGE_DEMUXERS.join(", ")}`);
  }
  return ToolInput.image(path, demuxer);
}

async function firstBytes(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(SNIFF_BYTES), 0, SNIFF_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
