import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { isExecutable, root } from "./paths.mjs";
import { progress, SetupError } from "./report.mjs";

const installer = join(root, "processor", "install-ytdlp.sh");

/**
 * The yt-dlp of the release channel that `YTDLP_CHANNEL` names, in an environment of its own below `.cache/`. The
 * system's package managers have the stable one only, which is taken from them where no channel is named.
 *
 * @param {{ YTDLP_CHANNEL?: string | undefined, YTDLP_PATH?: string | undefined }} env
 * @param {{ renew: boolean, folder?: string }} options whether one that is there is brought up to date
 * @returns {string | null} its program; null where the system's own, or the one in `YTDLP_PATH`, is to be taken
 */
export function installChannel(env, { renew, folder = join(root, ".cache", "ytdlp") }) {
  const channel = env.YTDLP_CHANNEL || "stable";
  if (channel === "stable" || env.YTDLP_PATH) return null;
  const home = join(folder, channel);
  const program = join(home, "bin", "yt-dlp");
  if (!renew && isExecutable(program)) return program;
  progress(`installing yt-dlp of the channel ${channel} …`);
  const { error, status } = spawnSync(installer, [home, channel], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (!error && status === 0 && isExecutable(program)) return program;
  throw new SetupError(
    `yt-dlp of the channel ${channel} could not be installed; the message stands above. It needs Python 3.10 or newer with venv (Debian: apt-get install python3-venv) and a way to PyPI.`,
  );
}
