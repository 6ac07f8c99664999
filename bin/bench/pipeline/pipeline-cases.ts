import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Target } from "../measurement.ts";
import type { LineQuality } from "../servers/long-line.ts";
import { EPISODE, EPISODE_GIB, type Forms, formsOf, MEDIA_FOLDER, MEDIUM_GIB } from "./media.ts";
import type { Bucket } from "./target.ts";

/** One source over one kind of connection. */
export interface PipelineCase {
  readonly name: string;
  readonly form: keyof Forms;
  readonly media: string;
  readonly gib: number;
  /** TLS at both ends, or at none; or TLS at the other end of a long line. */
  readonly ends: "tls" | "http" | "far";
  /** Of the long line. */
  readonly quality?: LineQuality;
  /** Every competitor gets half of a core; default: all of the machine. */
  readonly halfCore?: boolean;
  /** The processor keeps no copies on the disk; default: it does. */
  readonly noDisk?: boolean;
  readonly line: "fast" | "capped" | "shaped";
  readonly bucket: Bucket;
  readonly targets: readonly Target[];
  readonly cpuTarget?: number;
  /** The competitors. Shaped connections are only compared with the bare network, because the peers take minutes. */
  readonly others: readonly ("usual" | "tools" | "floor" | "relay")[];
}

const FORM_NAMES: readonly (readonly [keyof Forms, string])[] = [
  ["progressive", "progressive"],
  ["split", "split video + audio"],
  ["hls", "HLS"],
  ["dash", "DASH"],
];

/** Against the strongest peer: time over TLS and without it, CPU time over TLS. */
const FAST_LIMITS = {
  progressive: { tls: 0.6, http: 0.5, cpu: 0.6 },
  split: { tls: 0.35, http: 0.25, cpu: 0.5 },
  hls: { tls: 0.35, http: 0.25, cpu: 0.5 },
  dash: { tls: 0.35, http: 0.25, cpu: 0.5 },
} as const;

/** 50 ms for a packet and its confirmation. */
const DELAY_MS = 25;
const LONG_LINES: readonly LongLine[] = [
  {
    ...{ name: `${MEDIUM_GIB} GiB, 50 ms away`, gib: MEDIUM_GIB },
    media: { progressive: formsOf(MEDIUM_GIB).progressive, hls: formsOf(MEDIUM_GIB).hls },
    quality: { delayMs: DELAY_MS, lossPercent: 0, packetBytes: 9000 },
  },
  {
    // a single connection takes a minute for it
    ...{ name: "20 MB, 50 ms away, 1 % of packets lost", gib: EPISODE_GIB, media: { progressive: EPISODE } },
    quality: { delayMs: DELAY_MS, lossPercent: 1, packetBytes: 1500 },
  },
];

interface LongLine {
  readonly name: string;
  readonly gib: number;
  readonly media: Partial<Forms>;
  readonly quality: LineQuality;
}

const PROTOCOLS = ["tls", "http"] as const;
const SHOWN = { tls: "TLS", http: "http" } as const;

/** The bare relay reads one file, and speaks TLS. */
const relayOf = (form: keyof Forms, protocol: "tls" | "http") =>
  form === "progressive" && protocol === "tls" ? (["relay"] as const) : [];

const fastCase = (gib: number, form: keyof Forms, name: string) =>
  ({ name, form, media: formsOf(gib)[form], gib, line: "fast", bucket: "fast" }) as const;

/** @param gib size of the large media */
export const pipelineCases = (gib: number): readonly PipelineCase[] => [
  ...PROTOCOLS.flatMap((protocol) =>
    FORM_NAMES.map(([form, name]): PipelineCase => {
      const limits = FAST_LIMITS[form];
      return {
        ...fastCase(gib, form, `${name}, ${gib} GiB, ${SHOWN[protocol]}`),
        ...{ ends: protocol, others: ["usual", "tools", "floor", ...relayOf(form, protocol)] },
        targets: [
          { against: "strongest", atMost: limits[protocol] },
          { against: "peer", atMost: protocol === "tls" ? 0.2 : 0.3 },
        ],
        ...(protocol === "tls" ? { cpuTarget: limits.cpu } : {}),
      };
    }),
  ),
  ...PROTOCOLS.flatMap((protocol) =>
    FORM_NAMES.slice(2).map(
      ([form, name]): PipelineCase => ({
        ...fastCase(gib, form, `${name}, no disk, ${gib} GiB, ${SHOWN[protocol]}`),
        ...{ ends: protocol, noDisk: true, others: ["floor"], targets: [] },
      }),
    ),
  ),
  ...FORM_NAMES.map(
    ([form, name]): PipelineCase => ({
      ...{ name: `${name}, ${MEDIUM_GIB} GiB, 20 MB/s per connection, TLS`, form, ends: "tls" },
      ...{ media: formsOf(MEDIUM_GIB)[form], gib: MEDIUM_GIB, line: "capped", bucket: "fast" },
      ...{ others: ["usual", "tools"], targets: [{ against: "strongest", atMost: 0.5 }] },
    }),
  ),
  ...LONG_LINES.flatMap(({ gib: long, media: files, name: line, quality }) =>
    FORM_NAMES.flatMap(([form, name]): PipelineCase[] => {
      const media = files[form];
      if (media === undefined) return [];
      const targets = [{ against: "strongest", atMost: 0.5 }] as const;
      return [
        {
          ...{ name: `${name}, ${line}, TLS`, form, ends: "far", quality, line: "fast", media, gib: long },
          ...{ bucket: "fast", others: ["tools"], targets },
        },
      ];
    }),
  ),
  ...FORM_NAMES.map(
    ([form, name]): PipelineCase => ({
      ...{ name: `${name}, ${MEDIUM_GIB} GiB, half a core, TLS`, form, ends: "tls", halfCore: true },
      ...{
        media: formsOf(MEDIUM_GIB)[form],
        gib: MEDIUM_GIB,
        line: "fast",
        bucket: "fast",
        others: ["tools"],
      },
      targets: [{ against: "strongest", atMost: FAST_LIMITS[form].tls }],
    }),
  ),
  ...FORM_NAMES.slice(0, 2).map(
    ([form, name]): PipelineCase => ({
      ...{ name: `${name}, ${gib} GiB, both ends at 100 MB/s, TLS`, form, ends: "tls" },
      ...{ media: formsOf(gib)[form], gib, line: "shaped", bucket: "shaped", others: ["floor"] },
      targets: [{ against: "floor", atMost: form === "split" ? 1.25 : 1.15 }],
    }),
  ),
];

/** The files of a case's media, as URLs on its kind of connection. */
export async function mediaUrls({ media, line }: PipelineCase, originUrl: string): Promise<string[]> {
  const folder = dirname(media);
  const isManifest = /\.(mpd|m3u8)$/.test(media);
  const names = isManifest ? await readdir(join(MEDIA_FOLDER, folder)) : [basename(media)];
  return names
    .filter((name) => !/\.(mpd|m3u8)$/.test(name))
    .map((name) => `${originUrl}/${line}/${join(folder, name)}`);
}
