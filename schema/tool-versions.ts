import { z } from "zod";

/** Versions of the programs that did the work. */
export const ToolVersions = z
  .object({
    ytdlp: z.string().meta({ example: "2026.10.26" }),
    ytdlp_channel: z
      .string()
      .optional()
      .describe("Release channel of that yt-dlp")
      .meta({ example: "stable" }),
    ffmpeg: z.string().meta({ example: "7.1.2" }),
  })
  .meta({ id: "ToolVersions" });
export type ToolVersions = z.infer<typeof ToolVersions>;
