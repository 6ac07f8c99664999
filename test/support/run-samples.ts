import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { openApiDocument } from "../../schema/openapi.ts";
import { inRepository } from "./repository.ts";

const run = promisify(execFile);

/** The result of a sample in the reference: its language, its operation, and the error's code or null. */
export type SampleResult = readonly [language: string, operation: string, code: string | null];

interface Sample {
  readonly name: string;
  readonly source: string;
}

/** The samples of every operation in one language, with the addresses of a test. */
function samplesIn(label: string, serverUrl: string, mediaUrl: string): Sample[] {
  const paths = openApiDocument(serverUrl, "1.0.0").paths as Record<string, Record<string, Operation>>;
  const operations = Object.values(paths).flatMap((methods) => Object.values(methods));
  return operations.map(({ operationId, "x-codeSamples": samples }) => ({
    name: operationId,
    source: (samples.find((sample) => sample.label === label)?.source ?? "").replaceAll(
      "https://example.com",
      mediaUrl,
    ),
  }));
}

interface Operation {
  readonly operationId: string;
  readonly "x-codeSamples": readonly { readonly label: string; readonly source: string }[];
}

/**
 * Runs every sample of the reference as a reader would.
 *
 * @param env keys, and the ids that samples read from variables
 */
export async function runSamples(
  serverUrl: string,
  mediaUrl: string,
  env: Readonly<Record<string, string>>,
): Promise<SampleResult[]> {
  const folder = inRepository(".cache", "samples");
  mkdirSync(folder, { recursive: true });
  const options = { env: { PATH: process.env.PATH ?? "", ...env }, maxBuffer: 64 << 20 };
  const results: SampleResult[] = [];

  for (const { name, source } of samplesIn("curl", serverUrl, mediaUrl)) {
    const { stdout } = await run("bash", ["-euc", source], options);
    results.push(["curl", name, codeOf(stdout)]);
  }

  const python = join(folder, "samples.py");
  const sources = samplesIn("Python", serverUrl, mediaUrl).map(({ name, source }) => [name, source]);
  writeFileSync(
    python,
    `import contextlib, io, json, urllib.error
results = []
for name, source in json.loads(${JSON.stringify(JSON.stringify(sources))}):
    code = None
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(source, name, "exec"), {})
    except urllib.error.HTTPError as error:
        code = json.load(error)["code"]
    results.append([name, code])
print(json.dumps(results))
`,
  );
  const ofPython: [string, string | null][] = JSON.parse((await run("python3", [python], options)).stdout);
  results.push(...ofPython.map(([name, code]): SampleResult => ["Python", name, code]));

  const program = join(folder, "samples.ts");
  const blocks = samplesIn("TypeScript", serverUrl, mediaUrl).map(
    ({ name, source }) =>
      `try {\n${source.replace(/^import .*$/m, "").replaceAll("console.log(", "ignore(")}\nresults.push(["${name}", null]);\n} catch (error) { results.push(["${name}", error.code ?? String(error)]); }`,
  );
  writeFileSync(
    program,
    `import { createClient } from "../../schema/client.ts";\nconst results = [];\nconst ignore = (_) => {};\n${blocks.join("\n")}\nconsole.log(JSON.stringify(results));\n`,
  );
  const node = inRepository("node_modules", ".bin", "node");
  const ofNode: [string, string | null][] = JSON.parse(
    (await run(node, ["--disable-warning=ExperimentalWarning", program], options)).stdout,
  );
  results.push(...ofNode.map(([name, code]): SampleResult => ["TypeScript", name, code]));
  return results;
}

/** The code of an error body; null for everything else. */
function codeOf(output: string): string | null {
  try {
    const body = JSON.parse(output) as { error?: unknown; code?: unknown };
    return typeof body.error === "string" && typeof body.code === "string" ? body.code : null;
  } catch {
    return null;
  }
}
