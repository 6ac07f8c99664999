import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** What ffprobe reports about a file, one fact per line. */
export async function probeFacts(path: string, ffprobe: string): Promise<string[]> {
  const entries =
    "format=format_name,duration,bit_rate:stream=codec_type,codec_name,width,height,sample_rate";
  const args = ["-v", "error", "-show_entries", entries, "-of", "json", path];
  const { stdout } = await promisify(execFile)(ffprobe, args);
  const { format, streams } = JSON.parse(stdout) as ProbeResult;
  const container = format.format_name.replaceAll(",", "/");
  return [
    `${container}, ${Number(format.duration).toFixed(2)} s, ${Math.round(Number(format.bit_rate) / 1000)} kbit/s`,
    ...streams.map(
      ({ codec_type: type, codec_name: codec, width, height, sample_rate: rate }) =>
        `${type}: ${codec}${width ? ` ${width}×${height}` : ""}${rate ? ` ${rate} Hz` : ""}`,
    ),
  ];
}

interface ProbeResult {
  readonly format: { readonly format_name: string; readonly duration: string; readonly bit_rate: string };
  readonly streams: readonly {
    readonly codec_type: string;
    readonly codec_name: string;
    readonly width?: number;
    readonly height?: number;
    readonly sample_rate?: string;
  }[];
}
