import { execFile } from "node:child_process";
import { promisify } from "node:util";

/**
 * Creates a video of 20 seconds, 720p, with a tone: about 14 MB.
 *
 * @param file path of the `.mp4`
 */
export async function makeSampleVideo(file: string, ffmpeg: string): Promise<void> {
  await promisify(execFile)(ffmpeg, [
    ...["-v", "error", "-y"],
    ...["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30:duration=20"],
    ...["-f", "lavfi", "-i", "sine=frequency=440:duration=20"],
    ...["-c:v", "libx264", "-preset", "ultrafast", "-crf", "28", "-pix_fmt", "yuv420p"],
    ...["-c:a", "aac", "-movflags", "+faststart"],
    file,
  ]);
}
