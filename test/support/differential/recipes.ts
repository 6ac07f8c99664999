/**
 * Files as people have them: how ffmpeg makes each from test signals. All last {@link SECONDS} seconds, most have
 * {@link FPS} frames a second.
 */

export const SECONDS = 4;
export const FPS = 25;

/** Files that recipes read. */
export interface Parts {
  /** H.264 with frames out of order, and AAC; index in front. */
  readonly base: string;
  /** Three chapters, title, artist and album, in ffmpeg's own text format. */
  readonly chapters: string;
  /** A JPEG. */
  readonly cover: string;
  /** SubRip. */
  readonly subtitles: string;
}

export interface Recipe {
  readonly extension: string;
  /** Arguments for ffmpeg, without the output. */
  readonly args: (parts: Parts) => readonly string[];
  /** It has no video. */
  readonly audioOnly?: boolean;
}

export const BASE_ARGS = [
  ...["-f", "lavfi", "-i", `testsrc2=size=160x96:rate=${FPS}:duration=${SECONDS}`],
  ...["-f", "lavfi", "-i", `sine=frequency=440:sample_rate=48000:duration=${SECONDS}`],
  ..."-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 25 -keyint_min 25 -sc_threshold 0 -bf 2".split(" "),
  ..."-c:a aac -b:a 64k -ac 2 -movflags +faststart".split(" "),
];

export const CHAPTERS_TEXT = [
  ...[";FFMETADATA1", "title=Folge 7: Ümläute & mehr", "artist=Die Hosts", "album=Der Podcast"],
  ...[
    ["0", "1500", "Intro"],
    ["1500", "3000", "Thema"],
    ["3000", "4000", "Outro"],
  ].flatMap(([start, end, title]) => [
    ...["[CHAPTER]", "TIMEBASE=1/1000", `START=${start}`, `END=${end}`, `title=${title}`],
  ]),
  "",
].join("\n");

export const SUBTITLES_TEXT =
  "1\n00:00:01,000 --> 00:00:02,000\nHello\n\n2\n00:00:02,500 --> 00:00:03,500\nWorld\n\n";

const words = (text: string): string[] => text.split(" ");
/** The base's streams with these options. */
const from = (extension: string, options: string): Recipe => ({
  extension,
  args: ({ base }) => ["-i", base, ...words(options)],
});
/** Its audio alone. */
const audio = (extension: string, options: string): Recipe => ({
  extension,
  audioOnly: true,
  args: ({ base }) => ["-i", base, "-map", "0:a", ...words(options)],
});
const SECOND_TONE = ["-f", "lavfi", "-i", `sine=frequency=990:sample_rate=48000:duration=${SECONDS}`];
const LANGUAGES = words("-metadata:s:a:0 language=eng -metadata:s:a:1 language=deu -disposition:a:1 0");
const X264 = "-c:v libx264 -preset ultrafast -bf 0";
const X265 = "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=25";

export const RECIPES = {
  "mp4, index in front": from("mp4", "-c copy -movflags +faststart"),
  "mp4, index at the end": from("mp4", "-c copy"),
  "mp4, fragments": from("mp4", "-c copy -movflags +frag_keyframe+empty_moov+default_base_moof"),
  "mp4, H.265": from("mp4", `${X265} -c:a copy -tag:v hev1`),
  "mp4, VP9 and Opus": from("mp4", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus"),
  "mp4, MPEG-4 Part 2 and MP3": from("mp4", "-c:v mpeg4 -bf 2 -c:a libmp3lame"),
  "mp4, video only": from("mp4", "-an -c copy"),
  "mp4, turned": from("mp4", "-c copy -metadata:s:v rotate=90"),
  "mp4, changing frame rate": {
    extension: "mp4",
    args: ({ base }) => [
      ...["-i", base, "-vf", "select='lt(t,2)+not(mod(n,5))'", "-vsync", "vfr", ...words(X264)],
      ...["-c:a", "copy"],
    ],
  },
  "mp4, two languages and text": {
    extension: "mp4",
    args: ({ base, subtitles }) => [
      ...["-i", base, ...SECOND_TONE, "-i", subtitles, ...words("-map 0:v -map 0:a -map 1:a -map 2")],
      ...words("-c:v copy -c:a aac -c:s mov_text -metadata:s:s:0 language=eng"),
      ...LANGUAGES,
    ],
  },
  "mp4, chapters, tags and cover": {
    extension: "mp4",
    args: ({ base, chapters, cover }) => [
      ...[
        "-i",
        base,
        "-i",
        chapters,
        "-i",
        cover,
        ...words("-map 0 -map 2:v -map_metadata 1 -map_chapters 1"),
      ],
      ...words("-c copy -disposition:v:1 attached_pic"),
    ],
  },
  "mp4, audio that begins later": {
    extension: "mp4",
    args: ({ base }) => [
      ...["-i", base, "-itsoffset", "0.8", "-i", base, ...words("-map 0:v -map 1:a -c copy")],
    ],
  },
  "mp4, video that begins later": {
    extension: "mp4",
    args: ({ base }) => [
      ...["-i", base, "-itsoffset", "0.8", "-i", base, ...words("-map 1:v -map 0:a -c copy")],
    ],
  },
  "mp4, cut by an edit list": {
    extension: "mp4",
    args: ({ base }) => ["-ss", "1.5", "-i", base, ...words("-c copy")],
  },
  "mov, turned by 180 degrees": from("mov", "-c copy -metadata:s:v rotate=180"),
  "3gp, H.263": from("3gp", "-vf scale=176:144 -c:v h263 -c:a aac -ac 1"),
  "mov, H.264": from("mov", "-c copy"),
  "mov, time code": from("mov", "-c copy -timecode 01:00:00:00"),
  "mov, ProRes and PCM": from("mov", "-c:v prores -profile:v 0 -c:a pcm_s16le"),
  "mkv, H.264 and AAC": from("mkv", "-c copy"),
  "mkv, FLAC": from("mkv", "-c:v copy -c:a flac"),
  "mkv, H.265 and AC-3": from("mkv", `${X265} -c:a ac3`),
  "mkv, MPEG-2 and MP2": from("mkv", "-c:v mpeg2video -bf 2 -c:a mp2"),
  "mkv, VP9 and Opus": from("mkv", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus"),
  "mkv, all that it can carry": {
    extension: "mkv",
    args: ({ base, chapters, cover, subtitles }) => [
      ...["-i", base, ...SECOND_TONE, "-i", subtitles, "-i", chapters, "-attach", cover],
      ...words("-metadata:s:t mimetype=image/jpeg -metadata:s:t filename=cover.jpg"),
      ...words("-map 0:v -map 0:a -map 1:a -map 2 -map 2 -map_metadata 3 -map_chapters 3"),
      ...words("-c:v copy -c:a aac -c:s:0 srt -c:s:1 ass -metadata:s:s:0 language=eng"),
      ...LANGUAGES,
    ],
  },
  "webm, VP8 and Vorbis": from("webm", "-c:v libvpx -deadline realtime -cpu-used 8 -c:a libvorbis"),
  "webm, VP9 and Opus": from("webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus"),
  "webm of a browser's recorder": from(
    "webm",
    "-c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus -f webm -live 1",
  ),
  "flv, H.264 and AAC": from("flv", "-c copy"),
  "flv, Sorenson and MP3": from("flv", "-c:v flv -c:a libmp3lame -ar 44100"),
  "avi, Xvid": from("avi", "-c:v mpeg4 -vtag XVID -bf 2 -c:a libmp3lame"),
  "avi, H.264 out of order": from("avi", "-c:v copy -bsf:v h264_mp4toannexb -c:a libmp3lame"),
  "avi, H.264 in order": from("avi", `${X264} -c:a libmp3lame`),
  "avi, Motion JPEG and PCM": from("avi", "-c:v mjpeg -pix_fmt yuvj420p -c:a pcm_s16le"),
  "mpg, MPEG-1": from("mpg", "-c:v mpeg1video -bf 2 -c:a mp2 -f mpeg"),
  "vob, MPEG-2 and AC-3": from("vob", "-c:v mpeg2video -bf 2 -c:a ac3 -f vob"),
  "ts, H.264": from("ts", "-c copy"),
  "ts, H.265": from("ts", `${X265} -c:a copy`),
  "ts, a clock that wraps": from("ts", "-c copy -muxdelay 0 -muxpreload 0 -output_ts_offset 95441.7"),
  "ts, two languages": {
    extension: "ts",
    args: ({ base }) => [
      ...[
        "-i",
        base,
        ...SECOND_TONE,
        ...words("-map 0:v -map 0:a -map 1:a -c:v copy -c:a aac"),
        ...LANGUAGES,
      ],
    ],
  },
  "ts, MPEG-2": from("ts", "-c:v mpeg2video -bf 2 -c:a mp2"),
  wmv: from("wmv", "-c:v wmv2 -c:a wmav2"),
  "ogv, Theora and Vorbis": from("ogv", "-c:v libtheora -c:a libvorbis"),
  m4a: audio("m4a", "-c copy -movflags +faststart"),
  "m4a, chapters and cover": {
    extension: "m4a",
    audioOnly: true,
    args: ({ base, chapters, cover }) => [
      ...["-i", base, "-i", chapters, "-i", cover, ...words("-map 0:a -map 2:v -map_metadata 1")],
      ...words("-map_chapters 1 -c copy -disposition:v:0 attached_pic"),
    ],
  },
  "m4b, chapters and cover": {
    extension: "m4b",
    audioOnly: true,
    args: ({ base, chapters, cover }) => [
      ...["-i", base, "-i", chapters, "-i", cover, ...words("-map 0:a -map 2:v -map_metadata 1")],
      ...words("-map_chapters 1 -c copy -disposition:v:0 attached_pic -f ipod"),
    ],
  },
  mp3: audio("mp3", "-c:a libmp3lame -b:a 64k"),
  "mp3, chapters and cover": {
    extension: "mp3",
    audioOnly: true,
    args: ({ base, chapters, cover }) => [
      ...["-i", base, "-i", chapters, "-i", cover, ...words("-map 0:a -map 2:v -map_metadata 1")],
      ...words("-map_chapters 1 -c:a libmp3lame -c:v copy"),
    ],
  },
  flac: audio("flac", "-c:a flac"),
  "flac, cover": {
    extension: "flac",
    audioOnly: true,
    args: ({ base, chapters, cover }) => [
      ...["-i", base, "-i", chapters, "-i", cover, ...words("-map 0:a -map 2:v -map_metadata 1")],
      ...words("-c:a flac -c:v copy -disposition:v:0 attached_pic"),
    ],
  },
  "ogg, Vorbis": audio("ogg", "-c:a libvorbis"),
  "ogg, Vorbis with chapters": {
    extension: "ogg",
    audioOnly: true,
    args: ({ base, chapters }) => [
      ...["-i", base, "-i", chapters, ...words("-map 0:a -map_metadata 1 -map_chapters 1 -c:a libvorbis")],
    ],
  },
  opus: audio("opus", "-c:a libopus"),
  wav: audio("wav", "-c:a pcm_s16le"),
  aiff: audio("aiff", "-c:a pcm_s16be"),
  aac: audio("aac", "-c copy -f adts"),
  ac3: audio("ac3", "-c:a ac3"),
} as const satisfies Readonly<Record<string, Recipe>>;

export type RecipeName = keyof typeof RECIPES;
export const recipeOf = (name: RecipeName): Recipe => RECIPES[name];
