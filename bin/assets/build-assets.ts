import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { build, type Plugin } from "esbuild";
import { inRoot } from "../stack/paths.ts";

/** Where the assets lie that `wrangler.toml` names. */
export const ASSETS_FOLDER = inRoot(".cache", "assets");

/** What pages of the Worker load from `/ui/`, by the name of the built file. */
const UI = {
  base: "worker/console/styles/base.css",
  landing: "worker/console/styles/landing.css",
  console: "worker/console/app/main.tsx",
  icon: "worker/console/icon.svg",
} as const;

const SWAGGER = ["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"] as const;

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
  mkdirSync(join(folder, "docs"), { recursive: true });
  for (const name of SWAGGER) {
    copyFileSync(inRoot("node_modules", "swagger-ui-dist", name), join(folder, "docs", name));
  }
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
