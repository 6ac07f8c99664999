import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build, type Plugin } from "esbuild";
import { buildDocs } from "../docs/build-docs.ts";
import { inRoot } from "../stack/paths.ts";

/** Where the assets lie that `wrangler.toml` names. */
export const ASSETS_FOLDER = inRoot(".cache", "assets");

/** What pages of the Worker load from `/ui/`, by the name of the built file. */
const UI = {
  base: "worker/console/styles/base.css",
  landing: "worker/console/styles/landing.css",
  console: "worker/console/app/main.tsx",
  docs: "worker/console/docs/docs.css",
  search: "worker/console/docs/search.ts",
  icon: "worker/console/icon.svg",
} as const;

/** The console has its own texts; zod brings its messages in forty languages. */
const oneLocale: Plugin = {
  name: "one-locale",
  setup({ onLoad }) {
    onLoad({ filter: /\/zod\/v4\/locales\/[\w-]+\.js$/ }, ({ path }) =>
      /\/(en|index)\.js$/.test(path)
        ? null
        : { contents: "export default () => ({ localeError: () => undefined });" },
    );
  },
};

/**
 * Builds the files of the Worker's pages: the same sources give the same bytes.
 *
 * @param folder receives `ui/` and `docs/`; what lies there is overwritten
 */
export async function buildAssets(folder: string = ASSETS_FOLDER): Promise<void> {
  const { version } = JSON.parse(readFileSync(inRoot("package.json"), "utf8")) as { version: string };
  buildDocs(join(folder, "docs"), version);
  await build({
    absWorkingDir: inRoot(),
    entryPoints: Object.entries(UI).map(([out, source]) => ({ out, in: source })),
    outdir: join(folder, "ui"),
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "none",
    loader: { ".svg": "copy" },
    logLevel: "warning",
    plugins: [oneLocale],
  });
}
