/** `npm run differential [-- avi]`: what comes out next to plain yt-dlp with ffmpeg, for every source or those so named. */
import { exitCodeOf } from "./stack/exit-code.ts";
import { runDifferential } from "./test/differential-run.ts";

process.exit(await runDifferential(process.argv.slice(2)).catch(exitCodeOf));
