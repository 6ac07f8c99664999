import { isBuiltin } from "node:module";
import { dirname } from "node:path/posix";
import { describe, expect, it } from "vitest";
import { circlesOf, importsOf, sources, textOf } from "../support/import-graph.ts";
import { trackedFiles } from "../support/repository.ts";

/** Files may only import what `may` matches. */
interface Layer {
  readonly files: RegExp;
  readonly may: RegExp;
}

/** Which files may import which; a file must obey every row that matches it. */
const LAYERS: readonly Layer[] = [
  { files: /^schema\/(?!db\/)/, may: /^(schema\/(?!db\/)|zod$)/ },
  { files: /^schema\/db\//, may: /^(schema\/|zod$|drizzle-orm(\/|$)|drizzle-kit$)/ },

  { files: /^worker\//, may: /^(worker\/|schema\/|package\.json$|cloudflare:|[a-z@](?!ode:))/ },
  { files: /^worker\/(routes|console)\//, may: /^(?!worker\/(db|objects|queues|middleware)\/)/ },
  // The console runs in browsers: it shares the contract and its client, and nothing of the Worker.
  { files: /^worker\/console\/app\//, may: /^(worker\/console\/app\/|schema\/(?!db\/)|preact(\/|$)|zod$)/ },
  { files: /^worker\/(?!console\/app\/)/, may: /^(?!worker\/console\/app\/)/ },
  { files: /^worker\/middleware\//, may: /^(?!worker\/(objects|queues)\/)/ },
  { files: /^worker\/services\//, may: /^(?!worker\/(routes|middleware|queues|console)\/|@?hono(\/|$))/ },
  { files: /^worker\/db\//, may: /^(worker\/(db|lib)\/|schema\/|zod$|drizzle-orm(\/|$))/ },
  // A request gets everything it may use from its context; only entry points create one.
  { files: /^worker\/(services|routes|db|lib|console)\//, may: /^(?!worker\/composition\.ts$)/ },
  { files: /^worker\/context\.ts$/, may: /^(?!worker\/(composition|app|index)\.ts$)/ },
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

/** What only these files may contain. */
const PRIVILEGES: readonly { readonly what: RegExp; readonly within: RegExp; readonly only: RegExp }[] = [
  // The entry point passes the environment to the reader of the configuration.
  { what: /\bprocess\.env\b/, within: /^processor\//, only: /^processor\/(config|main)\.ts$/ },
  // programs in the documentation are strings
  { what: /\bprocess\.env\b/, within: /^(worker|schema)\//, only: /^schema\/openapi\/code-samples\.ts$/ },
  // The Worker is reached through its URL; the composition passes that to the only client.
  {
    what: /\bworkerUrl\b/,
    within: /^processor\//,
    only: /^processor\/(config|run\/callback|processor)\.ts$/,
  },
  { what: /(?<![.\w])fetch\(/, within: /^processor\//, only: /^processor\/run\/callback\.ts$/ },
  // Only one file reads the Worker's variables; bindings are not variables.
  {
    what: /\benv\.(?!(DB|DISPATCH_QUEUE|DELIVERY_QUEUE|READ_RATE|WRITE_RATE|BUCKET|PROCESSOR|BATCHES|FEEDS|ASSETS|DATABASE|STORAGE|STORAGE_PATH)\b)[A-Z][A-Z0-9_]+\b/,
    within: /^worker\//,
    only: /^worker\/config\.ts$/,
  },
];

describe("imports", () => {
  const imports = sources.flatMap(importsOf);

  it("are found at all", () => {
    expect(imports.length).toBeGreaterThan(sources.length);
  });

  it("obey the layering rules", () => {
    const breaches = imports.filter(({ from, to }) =>
      LAYERS.some(({ files, may }) => files.test(from) && !may.test(to)),
    );
    expect(breaches.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
  });

  it("never lead into the tests", () => {
    const breaches = imports.filter(({ from, to }) => to.startsWith("test/") && !from.startsWith("test/"));
    expect(breaches.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
  });

  it("name files with their extension", () => {
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

/** The folders of `worker/services/`, the lowest first: each may import those before it. */
const ROOMS = [
  "queue",
  "accounts",
  "storage",
  "rights",
  "webhooks",
  "reuse",
  "cookies",
  "jobs",
  "batches",
  "exits",
  "ytdlp",
  "runs",
  "sources",
  "intake",
  "subscriptions",
  "takedowns",
  "erasure",
  "maintenance",
] as const;

/** The most files that one folder may hold. */
const MAX_FILES = 25;

const roomOf = (file: string): string | undefined => /^worker\/services\/([^/]+)\//.exec(file)?.[1];

describe("import cycles", () => {
  it("are found where there are some", () => {
    const chain = ["a", "b", "c", "d"].map((from, index) => ({
      from,
      to: ["b", "c", "b", "d"][index] ?? "",
    }));
    expect(circlesOf(chain)).toEqual([["b", "c"], ["d"]]);
  });

  it("do not exist, including imports of types", () => {
    const ours = sources.filter((file) => !file.startsWith("test/"));
    expect(circlesOf(ours.flatMap(importsOf)).map((circle) => circle.join(" ↔ "))).toEqual([]);
  });
});

describe("folders", () => {
  it("of the services import only those below them", () => {
    const imports = sources.filter((file) => roomOf(file)).flatMap(importsOf);
    const rank = (file: string) => ROOMS.indexOf(roomOf(file) as (typeof ROOMS)[number]);
    const breaches = imports.filter(({ from, to }) => roomOf(to) && rank(to) > rank(from));
    expect(breaches.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
  });

  it("of the services are the ones that have a place in that order, and no file is outside them", () => {
    const services = sources.filter((file) => file.startsWith("worker/services/"));
    expect(new Set(services.map((file) => roomOf(file) ?? file))).toEqual(new Set(ROOMS));
  });

  it("contain few enough files to be read at a glance", () => {
    const files = Map.groupBy(
      trackedFiles().filter((file) => /^(schema|worker|processor|bin)\/.*\.(tsx?|mjs|py)$/.test(file)),
      (file) => dirname(file),
    );
    const full = [...files].filter(([, { length }]) => length > MAX_FILES);
    expect(full.map(([folder, { length }]) => `${folder} holds ${length}`)).toEqual([]);
  });
});

type Versions = Readonly<Record<string, string>>;

const declaredBy = (manifest: {
  readonly dependencies?: Versions;
  readonly devDependencies?: Versions;
  readonly optionalDependencies?: Versions;
}): Versions => ({ ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies });

describe("packages", () => {
  /** What each `package.json` of the repository declares. */
  const manifests = new Map(
    trackedFiles()
      .filter((file) => /^([a-z]+\/)?package\.json$|^test\/third-party\/package\.json$/.test(file))
      .map((file) => {
        const { name = "", ...manifest } = JSON.parse(textOf(file));
        return [
          dirname(file),
          [name, ...Object.keys({ ...declaredBy(manifest), ...manifest.peerDependencies })],
        ];
      }),
  );
  const isDeclared = (from: string, name: string) =>
    [from.replace(/\/.*/, ""), dirname(from), "."].some((folder) => manifests.get(folder)?.includes(name));

  it("are declared where they are imported", () => {
    const breaches = sources.flatMap(importsOf).filter(({ from, to }) => {
      if (isBuiltin(to) || /^(cloudflare:|(schema|worker|processor|bin|test)\/|[^/]+\.json$)/.test(to))
        return false;
      const name = to.split("/", to.startsWith("@") ? 2 : 1).join("/");
      return !isDeclared(from, name);
    });
    expect(breaches.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
  });

  it("have one version, wherever they are declared", () => {
    const versions = Map.groupBy(
      trackedFiles()
        .filter((file) => /^([a-z]+\/)?package\.json$/.test(file))
        .flatMap((file) => Object.entries(declaredBy(JSON.parse(textOf(file))))),
      ([name]) => name,
    );
    const several = [...versions].filter(([, all]) => new Set(all.map(([, version]) => version)).size > 1);
    expect(several.map(([name]) => name)).toEqual([]);
  });
});
