/** `npm run differential [-- avi]`: compares deliveries with those of plain yt-dlp and ffmpeg, for every source or those with this name. */
import { exitCodeOf } from "./stack/exit-code.ts";
import { runDifferential } from "./test/differential-run.ts";

process.exit(await runDifferential(process.argv.slice(2)).catch(exitCodeOf));
