import { existsSync, readFileSync } from "node:fs";
import { load } from "js-yaml";
import { describe, expect, it } from "vitest";
import { judgeConfig } from "../../bin/image/judge-config.ts";
import { inRoot } from "../../bin/stack/paths.ts";

const read = (...path: string[]) => readFileSync(inRoot(...path), "utf8");

describe("the Dockerfile", () => {
  const file = read("processor/Dockerfile").replaceAll(/ \\\n\s*/g, " ");
  const stages = file
    .split(/^(?=FROM )/m)
    .slice(1)
    .map((text) => ({ name: /^FROM \S+ AS (\S+)$/m.exec(text)?.[1], lines: text.trim().split("\n") }));
  const finals = stages.filter(({ lines }) => lines[0]?.startsWith("FROM runtime AS "));
  /** Sources of the files that come out of the repository. */
  const copied = [...file.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names = ""]) =>
    names.split(" "),
  );

  it("has both images on the same base, the processor's last: Cloudflare's tool names no target", () => {
    expect(finals.map(({ name }) => name)).toEqual(["whole", "processor"]);
    expect(stages.at(-1)?.name).toBe("processor");
    expect(read("wrangler.toml")).toContain('image = "./processor/Dockerfile"');
  });

  it("renews yt-dlp in the last layer, by an argument that no cache knows", () => {
    for (const { lines } of finals)
      expect(lines.at(-1)).toMatch(/^(COPY --from=ytdlp |# The processor alone$)/);
    const ytdlp = stages.find(({ name }) => name === "ytdlp")?.lines ?? [];
    const at = (start: string) => ytdlp.findIndex((line) => line.startsWith(start));
    expect(at("ARG YTDLP_REFRESH=")).toBeGreaterThan(0);
    expect(at("RUN echo ")).toBeGreaterThan(at("ARG YTDLP_REFRESH="));
    expect(ytdlp[at("RUN echo ")]).toContain("${YTDLP_REFRESH");
  });

  it("writes nothing twice that both images need", () => {
    const said = finals.map(({ lines }) => lines.filter((line) => line !== "" && !line.startsWith("#")));
    const [whole = [], processor = []] = said;
    // the user comes after what only root may do, and yt-dlp after everything else
    const both = whole.filter((line) => processor.includes(line));
    expect(both.filter((line) => !/^USER |YTDLP_CHANNEL|^COPY --from=ytdlp /.test(line))).toEqual([]);
  });

  it("takes packages from the public places unless an argument names others", () => {
    const defaults = Object.fromEntries(
      [...file.matchAll(/^ARG (\w+)=(\S+)$/gm)].map(([, name, value]) => [name, value]),
    );
    expect(defaults).toMatchObject({
      DEBIAN_MIRROR: "http://deb.debian.org",
      NPM_REGISTRY: "https://registry.npmjs.org",
      PIP_INDEX_URL: "https://pypi.org/simple",
    });
  });

  it("copies files that exist and that .dockerignore lets in", () => {
    const ignore = read(".dockerignore").split("\n");
    const isLetIn = (path: string) =>
      ignore.some(
        (line) => line.startsWith("!") && (path === line.slice(1) || path.startsWith(`${line.slice(1)}/`)),
      );
    expect(copied.length).toBeGreaterThan(8);
    expect(copied.filter((path) => path !== "." && !(existsSync(inRoot(path)) && isLetIn(path)))).toEqual([]);
  });

  it("gives npm the manifest of every workspace that the lock file knows", () => {
    const { workspaces } = JSON.parse(read("package.json")) as { workspaces: string[] };
    expect(copied).toEqual(expect.arrayContaining(workspaces.map((path) => `${path}/package.json`)));
  });
});

it("names everything that an image lacks", () => {
  const bare = { User: "", Env: [], Entrypoint: [], Cmd: [], WorkingDir: "/", Labels: {} };
  expect(() => judgeConfig("bare", bare)).toThrow(
    /its user is root; it has no label \S+title; .*no health check; nothing in it passes signals on/,
  );
});

interface Service {
  readonly image: string;
  readonly build?: { readonly target: string };
  readonly profiles?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly configs?: readonly { readonly source: string }[];
  readonly depends_on?: Readonly<Record<string, { readonly required?: boolean }>>;
}

interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>;
  readonly configs: Readonly<Record<string, { readonly content: string }>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

describe("the compose file", () => {
  const text = read("compose.yaml");
  const { services, configs, volumes } = load(text) as ComposeFile;
  const all = Object.values(services);
  const others = all.filter(({ build }) => build === undefined);

  it("builds one image, and pins the others by tag and digest", () => {
    expect(all.filter(({ build }) => build).map(({ build }) => build?.target)).toEqual(["whole"]);
    const loose = others.filter(
      ({ image }) => !/^[\w./-]+:[\w.-]*\d[\w.-]*@sha256:[0-9a-f]{64}$/.test(image),
    );
    expect(loose.map(({ image }) => image)).toEqual([]);
    expect(others).toHaveLength(3);
  });

  it("gives no service more rights than it needs", () => {
    for (const service of all) {
      expect(service).toMatchObject({
        read_only: true,
        cap_drop: ["ALL"],
        security_opt: ["no-new-privileges:true"],
        restart: "unless-stopped",
      });
    }
    // what Docker publishes passes by the machine's firewall
    const open = all.flatMap(({ ports = [] }) => ports).filter((port) => !port.startsWith("127.0.0.1:"));
    expect(open).toEqual(["80:80", "443:443"]);
  });

  it("starts without any setting: every variable has a default", () => {
    const variables = [...text.matchAll(/\$\{(\w+)(:-)?/g)];
    expect(variables.length).toBeGreaterThan(5);
    expect(variables.filter(([, , mark]) => mark === undefined).map(([, name]) => name)).toEqual([]);
    const manual = read("docs", "self-hosting.md");
    expect(variables.map(([, name = ""]) => name).filter((name) => !manual.includes(name))).toEqual([]);
    expect(all.filter(({ profiles }) => profiles === undefined)).toHaveLength(1);
  });

  it("declares each volume and config that a service mounts, and no other", () => {
    const mounted = all.flatMap(({ volumes: own = [] }) => own.map((entry) => entry.replace(/:.*/, "")));
    expect(new Set(mounted)).toEqual(new Set(Object.keys(volumes)));
    const used = all.flatMap(({ configs: own = [] }) => own.map(({ source }) => source));
    expect(new Set(used)).toEqual(new Set(Object.keys(configs)));
  });

  it("waits for services that are there, and does not need those of a profile", () => {
    for (const { depends_on = {}, profiles = [] } of all) {
      for (const [name, { required = true }] of Object.entries(depends_on)) {
        const needs = services[name]?.profiles ?? [];
        expect([
          name,
          services[name] !== undefined,
          !required || needs.every((each) => profiles.includes(each)),
        ]).toEqual([name, true, true]);
      }
    }
  });

  it("mounts the state where the image keeps it, and publishes the port on which it listens", () => {
    const dockerfile = read("processor/Dockerfile");
    const [state = ""] = services.app?.volumes ?? [];
    expect(dockerfile).toContain(`VOLUME ${state.replace(/.*:/, "")}\n`);
    const [port = ""] = services.app?.ports ?? [];
    expect(dockerfile).toContain(`EXPOSE ${port.replace(/.*:/, "")}\n`);
  });

  it("documents every profile", () => {
    const manual = read("docs", "self-hosting.md");
    for (const profile of all.flatMap(({ profiles = [] }) => profiles)) {
      expect(manual).toContain(`| \`${profile}\` |`);
    }
  });
});
