import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Checkout, makeCheckout } from "../support/checkout.ts";
import { media } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { inRepository } from "../support/repository.ts";
import { startTestStack, type TestStack } from "../support/test-stack.ts";

/** The published client and command, as people without a clone install them. */

const run = promisify(execFile);
/** The oldest Node that the packages support. */
const OLD_NODE = "20.20.2";

let consumer: string;
let checkout: Checkout;
let origin: Origin;
let stack: TestStack;

beforeAll(async () => {
  consumer = mkdtempSync(join(tmpdir(), "waterspout consumer "));
  checkout = makeCheckout();
  const packed = checkout.start(`npm pack -w schema -w bin --silent --pack-destination "${consumer}"`);
  expect(await packed.ended, packed.output()).toBe(0);
  const tarballs = readdirSync(consumer).filter((file) => file.endsWith(".tgz"));
  expect(tarballs).toHaveLength(2);
  write("package.json", JSON.stringify({ private: true, type: "module", allowScripts: { node: true } }));
  await npm("install", "--no-audit", "--no-fund", ...tarballs.map((file) => `./${file}`), `node@${OLD_NODE}`);
  const file = readFileSync(await media("mp4", { seconds: 4, width: 320, height: 180 }));
  origin = await startOrigin({ bodies: { "/talk.mp4": file } });
  stack = await startTestStack({ env: { ALLOWED_PRIVATE_HOSTS: origin.host, HEARTBEAT_SECONDS: "1" } });
}, 240_000);

afterAll(async () => {
  await stack.stop();
  await origin.close();
  checkout.remove();
  rmSync(consumer, { recursive: true, force: true });
});

const write = (name: string, text: string): void => writeFileSync(join(consumer, name), text);

/** Nothing is inherited from the surrounding npm. */
const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD$|VITEST)/.test(name)));

const access = (): NodeJS.ProcessEnv => ({
  ...environment(),
  WATERSPOUT_URL: stack.url,
  WATERSPOUT_API_KEY: stack.apiKey,
});

const npm = (...args: string[]) => run("npm", args, { cwd: consumer, env: environment() });

const nodes = () => [
  ["the oldest supported Node", join(consumer, "node_modules/node/bin/node")] as const,
  ["the project's Node", process.execPath] as const,
];

describe("the published packages", () => {
  it("contain built files, their licence and a README, and none of the sources", () => {
    const client = readdirSync(join(consumer, "node_modules/@waterspout/client"));
    expect(client.toSorted()).toEqual(["LICENSE", "README.md", "dist", "package.json"]);
    const command = readdirSync(join(consumer, "node_modules/waterspout"));
    expect(command.toSorted()).toEqual(["LICENSE", "README.md", "dist", "package.json", "waterspout.mjs"]);
    const { dependencies } = JSON.parse(
      readFileSync(join(consumer, "node_modules/@waterspout/client/package.json"), "utf8"),
    );
    expect(Object.keys(dependencies)).toEqual(["zod"]);
  });

  it("deliver with the command, on each Node", async () => {
    for (const [name, node] of nodes()) {
      const command = join(consumer, "node_modules/.bin/waterspout");
      const { stdout } = await run(node, [command, "get", `${origin.url}/talk.mp4`, "--wait", "--json"], {
        cwd: consumer,
        env: access(),
      });
      expect([name, JSON.parse(stdout).status]).toEqual([name, "Completed"]);
    }
  }, 60_000);

  it("deliver with the example of the client, without a loader, on each Node", async () => {
    cpSync(inRepository("examples/client/deliver.mjs"), join(consumer, "deliver.mjs"));
    for (const [name, node] of nodes()) {
      const { stdout } = await run(node, ["deliver.mjs", `${origin.url}/talk.mp4`], {
        cwd: consumer,
        env: access(),
      });
      expect([name, stdout]).toEqual([name, expect.stringMatching(/^Completed .*talk/)]);
    }
  }, 60_000);

  it("have the client's types under NodeNext", async () => {
    write(
      "typed.ts",
      `import { createClient } from "@waterspout/client";
       const api = createClient({ url: "http://127.0.0.1:9", apiKey: "sk_live_x" });
       export const size: number | null = (await api.getJob({ params: { id: "x" } })).file_size;
       // @ts-expect-error a job's status is no number
       export const status: number = (await api.getJob({ params: { id: "x" } })).status;`,
    );
    const options = { module: "NodeNext", target: "ES2022", strict: true, noEmit: true, types: [] };
    write("tsconfig.json", JSON.stringify({ compilerOptions: options, files: ["typed.ts"] }));
    const tsc = inRepository("node_modules/typescript/bin/tsc");
    const { stdout } = await run(process.execPath, [tsc, "-p", consumer], { env: environment() });
    expect(stdout).toBe("");
  }, 60_000);
});
