import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { findOnPath } from "./paths.mjs";
import { SetupError } from "./report.mjs";

/** The backports with newer builds of one package for these releases of Debian, which share their dependencies. */
const BACKPORTS = "trixie-backports";
const RELEASES = "bookworm|trixie";

/** Only yt-dlp comes from the backports. */
const PIN = `Package: *
Pin: release n=${BACKPORTS}
Pin-Priority: -1

Package: yt-dlp
Pin: release n=${BACKPORTS}
Pin-Priority: 900
`;

const INSTALL = `
export DEBIAN_FRONTEND=noninteractive
source=$1 pin=$2; shift 2
if [ -n "$source" ]; then
  printf '%s\\n' "$source" > /etc/apt/sources.list.d/yt-dlp-backports.sources
  printf '%s\\n' "$pin" > /etc/apt/preferences.d/yt-dlp-backports
fi
apt-get update -q
apt-get install -y -q --no-install-recommends "$@"
`;

/** True on Debian, Ubuntu and related systems. */
export const aptCanInstall = () => findOnPath("apt-get") !== null;

/**
 * Installs with apt-get, as root or through sudo. On Debian 12 and 13 yt-dlp comes from the backports, because the
 * release's own is years old.
 *
 * @param {string[]} packages
 */
export function installWithApt(packages) {
  const wantsYtdlp = packages.includes("yt-dlp");
  const source = wantsYtdlp ? backportsSource() : "";
  const names = [...packages, ...(wantsYtdlp ? ["python3-brotli", "ca-certificates"] : [])];
  const shell = ["sh", "-euc", INSTALL, "install-media-tools", source, PIN, ...names];
  const [command = "", ...args] = asRoot(shell, names);
  const { status } = spawnSync(command, args, { stdio: ["inherit", "inherit", "inherit"] });
  if (status !== 0) {
    throw new SetupError(`apt-get could not install ${names.join(", ")}; its message stands above.`);
  }
}

/**
 * @param {string[]} command
 * @param {string[]} packages
 */
function asRoot(command, packages) {
  if (process.getuid?.() === 0) return command;
  if (findOnPath("sudo") === null) {
    throw new SetupError(
      `Installing ${packages.join(", ")} needs root, and there is no sudo. Run this command once as root: npm run setup`,
    );
  }
  // Without a terminal, nobody can type a password: fail instead of waiting for one.
  return ["sudo", ...(process.stdin.isTTY ? [] : ["-n"]), ...command];
}

/** The source of the backports, derived from the machine's own Debian source, so that its mirror and keys are used. */
function backportsSource() {
  return fromDeb822("/etc/apt/sources.list.d/debian.sources") ?? fromList("/etc/apt/sources.list") ?? "";
}

/** @param {string} file */
function fromDeb822(file) {
  // regexp-ok: a file of this machine
  const stanzas = read(file).split(/\n\s*\n/);
  const own = stanzas.find(
    // regexp-ok: a file of this machine
    (stanza) => new RegExp(`^Suites:.*\\b(${RELEASES})( |$)`, "m").test(stanza) && !/security/.test(stanza),
  );
  return own?.replace(/^Suites:.*$/m, `Suites: ${BACKPORTS}`).trim();
}

/** @param {string} file */
function fromList(file) {
  // regexp-ok: a file of this machine
  const line = new RegExp(`^deb\\s+(?:\\[[^\\]]*\\]\\s+)?(\\S+)\\s+(?:${RELEASES})\\s+(.+)$`, "m");
  const [, uri, components] = line.exec(read(file)) ?? [];
  if (uri === undefined) return undefined;
  return [
    "Types: deb",
    `URIs: ${uri}`,
    `Suites: ${BACKPORTS}`,
    `Components: ${components?.trim()}`,
    "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg",
  ].join("\n");
}

/** @param {string} file */
const read = (file) => (existsSync(file) ? readFileSync(file, "utf8") : "");
