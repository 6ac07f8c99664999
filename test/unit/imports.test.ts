import { readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import { describe, expect, it } from "vitest";
import { inRepository, trackedFiles } from "../support/repository.ts";

/** A file's import: a path in the repository, or a package's name. Type imports count like others. */
interface Import {
  readonly from: string;
  readonly to: string;
}

/** Files may only import what `may` matches. */
interface Layer {
  readonly files: RegExp;
  readonly may: RegExp;
}

/** Who may import whom; a file must obey every row that matches it. */
const LAYERS: readonly Layer[] = [
  { files: /^schema\/(?!db\/)/, may: /^(schema\/(?!db\/)|zod$)/ },
  { files: /^schema\/db\//, may: /^(schema\/|zod$|drizzle-orm(\/|$)|drizzle-kit$)/ },

  { files: /^worker\//, may: /^(worker\/|schema\/|package\.json$|cloudflare:|[a-z@](?!ode:))/ },
  { files: /^worker\/(routes|console)\//, may: /^(?!worker\/(db|objects|queues|middleware)\/)/ },
  { files: /^worker\/middleware\//, may: /^(?!worker\/(objects|queues)\/)/ },
  { files: /^worker\/services\//, may: /^(?!worker\/(routes|middleware|queues|console)\/|@?hono(\/|$))/ },
  { files: /^worker\/db\//, may: /^(worker\/(db|lib)\/|schema\/|zod$|drizzle-orm(\/|$))/ },
  { files: /^worker\/lib\//, may: /^(?!worker\/(?!lib\/)|@?hono(\/|$))/ },
  { files: /^worker\/(objects|queues)\//, may: /^(?!worker\/(routes|middleware|db|console)\/)/ },
  { files: /^worker\/(?!db\/)/, may: /^(?!drizzle-orm(\/|$))/ },

  { files: /^processor\//, may: /^(processor\/|schema\/(?!db\/)|node:|[a-z@])/ },
  { files: /^processor\/(tools|storage|egress|hls)\//, may: /^(?!processor\/stages\/)/ },
  { files: /^processor\/tools\//, may: /^(?!processor\/storage\/)/ },
  { files: /^processor\/storage\//, may: /^(?!processor\/tools\/)/ },
  { files: /^processor\/(egress|hls)\//, may: /^(?!processor\/(tools|storage)\/)/ },
  { files: /^processor\/media\/isobmff\//, may: /^processor\/media\/isobmff\// },
  { files: /^processor\/media\/mpegts\//, may: /^processor\/media\/(isobmff|mpegts)\// },
  { files: /^processor\/(?!tools\/exec\.ts$)/, may: /^(?!(node:)?child_process$)/ },

  { files: /^worker\//, may: /^(?!(processor|bin|test)\/)/ },
  { files: /^processor\//, may: /^(?!(worker|bin|test)\/)/ },
  { files: /^bin\//, may: /^(?!test\/)/ },
];

/** What may stand in the source of these files alone. */
const PRIVILEGES: readonly { readonly what: RegExp; readonly within: RegExp; readonly only: RegExp }[] = [
  // The entry point hands the environment to the reader of the configuration.
  { what: /\bprocess\.env\b/, within: /^processor\//, only: /^processor\/(config|main)\.ts$/ },
  { what: /\bprocess\.env\b/, within: /^(worker|schema)\//, only: /^$/ },
  // The Worker is reached through its URL; the composition hands that to the one client.
  {
    what: /\bworkerUrl\b/,
    within: /^processor\//,
    only: /^processor\/(config|run\/callback|processor)\.ts$/,
  },
  { what: /(?<![.\w])fetch\(/, within: /^processor\//, only: /^processor\/run\/callback\.ts$/ },
  // The Worker's variables have one reader; bindings are not variables.
  {
    what: /\benv\.(?!(DB|HINTS|NOTICES|READ_RATE|WRITE_RATE|BUCKET|PROCESSOR|BATCHES|ASSETS)\b)[A-Z][A-Z0-9_]+\b/,
    within: /^worker\//,
    only: /^worker\/config\.ts$/,
  },
];

const IMPORT =
  /^\s*(?:import|export)\s[^;"']*?from\s*["']([^"']+)["']|^\s*import\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/gm;

const sources = trackedFiles().filter((file) =>
  /^(schema|worker|processor|bin|test)\/.*\.(ts|mjs)$/.test(file),
);
const textOf = (file: string): string => readFileSync(inRepository(file), "utf8");

function importsOf(from: string): Import[] {
  return [...textOf(from).matchAll(IMPORT)].map((match) => {
    const name = match[1] ?? match[2] ?? match[3] ?? "";
    return { from, to: name.startsWith(".") ? join(dirname(from), name) : name };
  });
}

describe("imports", () => {
  const imports = sources.flatMap(importsOf);

  it("are found at all", () => {
    expect(imports.length).toBeGreaterThan(sources.length);
  });

  it("keep to who may import whom", () => {
    const breaches = imports.filter(({ from, to }) =>
      LAYERS.some(({ files, may }) => files.test(from) && !may.test(to)),
    );
    expect(breaches.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
  });

  it("never lead into the tests", () => {
    const breaches = imports.filter(({ from, to }) => to.startsWith("test/") && !from.startsWith("test/"));
    expect(breaches.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
  });

  it("name files with their ending", () => {
    const ours = imports.filter(({ to }) => /^(schema|worker|processor|bin|test)\//.test(to));
    expect(
      ours.filter(({ to }) => !/\.\w+$/.test(to)).map(({ from, to }) => `${from} imports ${to}`),
    ).toEqual([]);
  });
});

describe("sources", () => {
  it("use privileged parts of the platform in one place each", () => {
    const breaches = PRIVILEGES.flatMap(({ what, within, only }) =>
      sources
        .filter((file) => within.test(file) && !only.test(file) && what.test(textOf(file)))
        .map((file) => `${file} contains ${what.exec(textOf(file))?.[0]}`),
    );
    expect(breaches).toEqual([]);
  });
});
