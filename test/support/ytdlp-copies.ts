import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import type { YtdlpTool } from "../../processor/tools/discover.ts";

/**
 * Copies of the installed yt-dlp with another version, which fail for addresses that say so: `?pinned=raise` makes the copy
 * with the name `pinned` raise what an extractor raises that no longer understands its site.
 */

/** How a copy fails, by the word in the address. */
const FAILURES = {
  /** What yt-dlp's own extractors do when a page has changed. */
  raise: "raise ExtractorError('Unable to extract the player')",
  /** A defect. */
  defect: "{}['absent']",
  /** The process dies. */
  crash: "os._exit(3)",
  /** Only pictures are left of the media. */
  pictures:
    "return {'id': '1', 'title': '1', 'formats': [{'url': url, 'format_id': 'sb', 'ext': 'mhtml', 'vcodec': 'none', 'acodec': 'none'}]}",
  /** No defect: the site says so. */
  private: "raise ExtractorError('This video is private', expected=True)",
} as const;

export type YtdlpFailure = keyof typeof FAILURES;

export interface CopyOptions {
  /** Of the copy, in the addresses for which it fails. */
  readonly name: string;
  readonly version: string;
  /** It cannot even be imported. */
  readonly isBroken?: boolean;
}

/**
 * Makes a copy in an environment of its own.
 *
 * @param folder of the copy, which is made
 * @returns its program, as `YTDLP_PATH` takes it
 */
export function copyYtdlp(installed: YtdlpTool, folder: string, options: CopyOptions): string {
  execFileSync(installed.python, ["-m", "venv", "--without-pip", "--system-site-packages", folder]);
  const [lib = ""] = readdirSync(join(folder, "lib"));
  const packages = join(folder, "lib", lib, "site-packages");
  linkAll(sourceOf(installed), join(packages, "yt_dlp"));
  linkAll(join(sourceOf(installed), "extractor"), join(packages, "yt_dlp", "extractor"));
  patch(join(packages, "yt_dlp"), sourceOf(installed), options);
  const program = join(folder, "bin", "yt-dlp");
  writeFileSync(program, `#!${join(folder, "bin", "python3")}\nfrom yt_dlp import main\nmain()\n`, {
    mode: 0o755,
  });
  return program;
}

/** Extractors of the wheel: those that every start needs. */
const FEW_EXTRACTORS = "from .generic import GenericIE\nfrom .youtube import YoutubeIE, YoutubeTabIE\n";

/**
 * Writes the sources of a wheel with a few extractors: like the real one, and quickly installed.
 *
 * @returns the folder
 */
export function writeWheelSource(installed: YtdlpTool, folder: string, options: CopyOptions): string {
  const [from, to] = [sourceOf(installed), join(folder, "yt_dlp")];
  const loaded = new Set(runPython(installed, LOADED_SCRIPT, FEW_EXTRACTORS).split("\n"));
  const isExtractor = (path: string) =>
    /\/extractor\/[^/]+\.py$/.test(path) && !path.endsWith("/__init__.py");
  cpSync(from, to, {
    recursive: true,
    filter: (path) => !path.includes("__pycache__") && (!isExtractor(path) || loaded.has(path)),
  });
  writeFileSync(join(to, "extractor", "_extractors.py"), FEW_EXTRACTORS);
  patch(to, from, options);
  return folder;
}

/** Prints the files that a start with these extractors loads. */
const LOADED_SCRIPT = `
import importlib.abc, importlib.util, sys

class Few(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        return importlib.util.spec_from_loader(name, self) if name == 'yt_dlp.extractor._extractors' else None

    def exec_module(self, module):
        exec(sys.argv[1], module.__dict__)

sys.meta_path.insert(0, Few())
sys.modules['yt_dlp.extractor.lazy_extractors'] = None
import yt_dlp.extractor.extractors
for name, module in sys.modules.items():
    if name.startswith('yt_dlp.extractor.') and getattr(module, '__file__', None):
        print(module.__file__)
`;

const sourceOf = (tool: YtdlpTool): string =>
  runPython(tool, "import os, yt_dlp; print(os.path.dirname(yt_dlp.__file__))");

function runPython({ python, pythonPath }: YtdlpTool, script: string, ...args: string[]): string {
  const env = { ...process.env, ...(pythonPath === undefined ? {} : { PYTHONPATH: pythonPath }) };
  return execFileSync(python, ["-c", script, ...args], { encoding: "utf8", env }).trim();
}

const COMPILED = "__pycache__";

/**
 * A folder of links, so that a copy costs nothing. Compiled modules lie in a folder of the copy: Python distinguishes one from that of
 * a later source only by the second and the size, and both copies are made in the same second.
 */
function linkAll(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) {
    if (name === COMPILED) linkAll(join(from, name), join(to, name));
    else symlinkSync(join(from, name), join(to, name));
  }
}

function patch(packageFolder: string, original: string, { name, version, isBroken = false }: CopyOptions) {
  rewrite("version.py", (text) =>
    text
      .replace(/^__version__ = .*$/m, `__version__ = '${version}'`)
      .replace(/^CHANNEL = .*$/m, "CHANNEL = 'stable'"),
  );
  const lines = Object.entries(FAILURES).flatMap(([word, code]) => [
    `        if '${name}=${word}' in url:`,
    `            ${code}`,
  ]);
  rewrite(join("extractor", "generic.py"), (text) =>
    text.replace(/^ {4}def _real_extract\(self, url\):\n/m, (line) => `${line}${lines.join("\n")}\n`),
  );
  if (isBroken) rewrite("__init__.py", () => "raise ImportError('this copy is broken')\n");

  function rewrite(file: string, change: (text: string) => string): void {
    const text = readFileSync(join(original, file), "utf8");
    rmSync(join(packageFolder, file), { force: true });
    removeCompiled(join(packageFolder, file));
    writeFileSync(join(packageFolder, file), change(text));
  }
}

function removeCompiled(source: string): void {
  const folder = join(dirname(source), COMPILED);
  const module = `${basename(source, ".py")}.`;
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) if (name.startsWith(module)) rmSync(join(folder, name));
}
