import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { run } from "../../bin/waterspout/run.ts";
import { listen } from "./ports.ts";

/** Secrets of the tests; no command may print them. */
export const SECRETS = [
  "sk_live_of_the_local_stack",
  "operator-token-of-the-stack",
  "the-storage-secret",
] as const;

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly key: string | undefined;
  readonly authorization: string | undefined;
}

export interface ScriptedReply {
  readonly status: number;
  readonly body: unknown;
}

/** The command line in this process, next to an API that replies as a test says. */
export interface ScriptedCommandLine {
  /** Address of the API; the local stack's `local.json` names it, too. */
  readonly url: string;
  /** State folder of the local stack, empty except for `local.json`. */
  readonly folder: string;
  readonly received: ReceivedRequest[];
  /** The reply to every request. */
  reply: ScriptedReply;
  /** Replies to some requests, before `reply`. */
  replyTo: (request: ReceivedRequest) => ScriptedReply | undefined;
  /** Writes a file into the folder. @returns its path */
  file(name: string, content: string): string;
  /** Runs a command. @throws an assertion if it prints a secret */
  waterspout(
    words: readonly string[],
    env?: Readonly<Record<string, string>>,
    terminal?: { readonly input?: string; readonly isTTY?: boolean; readonly columns?: number },
  ): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>;
}

/** Starts the API for the tests of a file, and begins each test with an empty state. */
export function scriptCommandLine(): ScriptedCommandLine {
  const script = {
    ...{
      url: "",
      folder: "",
      received: [] as ReceivedRequest[],
      reply: { status: 200, body: {} } as ScriptedReply,
    },
    replyTo: (_: ReceivedRequest): ScriptedReply | undefined => undefined,
    file(name: string, content: string) {
      const path = join(script.folder, name);
      writeFileSync(path, content);
      return path;
    },
    waterspout,
  };
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const { method = "", url: path = "", headers } = request;
    const { authorization } = headers;
    const body = text === "" ? undefined : JSON.parse(text);
    const received = { method, path, body, key: headers["x-api-key"]?.toString(), authorization };
    script.received.push(received);
    const reply = script.replyTo(received) ?? script.reply;
    response.writeHead(reply.status, { "content-type": "application/json" });
    response.end(JSON.stringify(reply.body));
  });

  beforeAll(async () => {
    script.url = `http://127.0.0.1:${await listen(server)}`;
  });
  afterAll(() => server.close());
  beforeEach(() => {
    script.received = [];
    script.reply = { status: 200, body: {} };
    script.replyTo = () => undefined;
    script.folder = mkdtempSync(join(tmpdir(), "command-line-"));
    const local = { url: script.url, api_key: SECRETS[0], admin_token: SECRETS[1] };
    script.file("local.json", JSON.stringify(local));
  });
  afterEach(() => rmSync(script.folder, { recursive: true }));
  return script;

  async function waterspout(
    words: readonly string[],
    env: Readonly<Record<string, string>> = {},
    { input = "", isTTY = false, columns = 200 } = {},
  ) {
    const texts = { stdout: "", stderr: "" };
    const code = await run(words, {
      env: { WATERSPOUT_STATE: script.folder, ...env },
      stdout: { isTTY, columns, write: (text) => (texts.stdout += text) },
      stderr: { isTTY, columns, write: (text) => (texts.stderr += text) },
      signal: new AbortController().signal,
      readInput: async () => input,
    });
    const printed = texts.stdout + texts.stderr;
    expect(SECRETS.filter((secret) => printed.includes(secret))).toEqual([]);
    return { code, ...texts };
  }
}
