import { chmodSync, mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { explainUnreachable } from "../../bin/waterspout/failures/unreachable-text.ts";
import { listen } from "../support/ports.ts";
import { SECRETS, scriptCommandLine } from "../support/scripted-command-line.ts";

/** The account's storage and Slack on the command line, colours, and errors with what to do about them. */

const api = scriptCommandLine();
const { waterspout, file } = api;
const [, , STORAGE_SECRET] = SECRETS;

const paths = () => api.received.map(({ method, path }) => `${method} ${path}`);
const refusal = (code: string, error: string, issues: readonly object[] = []) => ({
  ...{ error, code, issues, request_id: "r" },
});

describe("waterspout storage", () => {
  const view = {
    ...{ configured: true, provider: "gcs", container_or_bucket: "media", endpoint: null, region: null },
    ...{ folder_prefix: "talks", base_folder: "videos", access_key_masked: "****ABCD", last_modified: 0 },
  };
  const withGcs = () => {
    api.replyTo = ({ method, path }) =>
      method === "GET"
        ? { status: 200, body: path === "/user/gcs" ? view : { configured: false } }
        : undefined;
  };

  it("shows the configured storage, whatever its provider", async () => {
    withGcs();
    const { code, stdout } = await waterspout(["storage", "show"]);
    expect([code, stdout.split("\n").slice(0, 3)]).toEqual([
      ...[0, ["  provider      gcs", "  bucket        media", "  base folder   videos"]],
    ]);
    api.replyTo = () => ({ status: 200, body: { configured: false } });
    expect((await waterspout(["storage"])).stdout).toMatch(/its jobs use the managed bucket\.\n$/);
    expect((await waterspout(["storage", "--json"])).stdout).toBe('{"configured":false}\n');
  });

  it("is set from a file or the standard input, and never shown", async () => {
    const saved = { message: "Saved", provider: "s3", container_or_bucket: "media" };
    api.reply = {
      status: 200,
      body: { ...saved, adjustments: [{ field: "storage", reason: "no right to delete" }] },
    };
    const members = { bucket: "media", secret_key: STORAGE_SECRET };
    const path = file("storage.json", JSON.stringify({ provider: "s3", ...members }));
    const { code, stdout, stderr } = await waterspout(["storage", "set", path]);
    expect([code, stdout]).toEqual([0, "  message Saved\n  bucket  media\n"]);
    expect(stderr).toContain("no right to delete");
    const input = JSON.stringify({ provider: "azure", ...members });
    await waterspout(["storage", "set", "-"], {}, { input });
    await waterspout(["storage", "set", "-", "--provider", "oss"], {}, { input: JSON.stringify(members) });
    expect(paths()).toEqual(["POST /user/s3", "POST /user/blob", "POST /user/oss"]);
    expect(api.received.map(({ body }) => body)).toEqual([members, members, members]);
  });

  it.each([
    ['{"bucket": "media"}', 2, /^waterspout: The storage needs a provider \(s3, blob, gcs, oss/],
    ["[1]", 2, /^waterspout: The storage must be a JSON object/],
    [`secret_key: ${STORAGE_SECRET}`, 5, /^waterspout: The standard input is not valid JSON\n$/],
  ])("refuses %s before it calls the API", async (input, code, sentence) => {
    const found = await waterspout(["storage", "set", "-"], {}, { input });
    expect([found.code, found.stderr]).toEqual([code, expect.stringMatching(sentence)]);
    expect(api.received).toEqual([]);
  });

  it("is tested and removed", async () => {
    api.reply = { status: 200, body: { message: "It works" } };
    expect(await waterspout(["storage", "test"])).toMatchObject({ code: 0, stdout: "It works\n" });
    withGcs();
    expect(await waterspout(["storage", "forget"])).toMatchObject({ code: 0, stdout: "It works\n" });
    expect(paths()).toEqual(expect.arrayContaining(["POST /user/storage/test", "DELETE /user/gcs"]));
    api.reply = { status: 400, body: refusal("storage_verification_failed", "The bucket does not exist") };
    expect(await waterspout(["storage", "test"])).toMatchObject({
      ...{ code: 3, stderr: "waterspout: The bucket does not exist\n" },
    });
  });
});

describe("waterspout slack", () => {
  it("takes the URL from a file or the standard input, not as an argument", async () => {
    api.reply = { status: 200, body: { message: "Saved" } };
    const url = "https://hooks.example/T0/B0/secret";
    await waterspout(["slack", "set", file("slack.txt", `${url}\n`)]);
    await waterspout(["slack", "set", "-", "--level", "errors_only"], {}, { input: url });
    expect(api.received.map(({ body }) => body)).toEqual([
      { webhook_url: url, notify_level: "all" },
      { webhook_url: url, notify_level: "errors_only" },
    ]);
    const argument = await waterspout(["slack", "set", url]);
    expect([argument.code, argument.stderr]).toEqual([
      2,
      expect.stringContaining("The webhook's URL is a secret"),
    ]);
  });

  it("shows and removes it", async () => {
    api.reply = { status: 200, body: { configured: false, webhook_url: null, notify_level: null } };
    expect((await waterspout(["slack"])).stdout).toBe("Nothing is sent to Slack.\n");
    api.reply = { status: 200, body: { message: "Removed" } };
    expect((await waterspout(["slack", "forget"])).stdout).toBe("Removed\n");
    expect(paths()).toEqual(["GET /user/slack", "DELETE /user/slack"]);
  });
});

describe("the webhook secret", () => {
  it("is printed alone, for a file", async () => {
    api.reply = { status: 200, body: { webhook_signing_secret: "whsec_x" } };
    expect((await waterspout(["webhooks", "secret"])).stdout).toBe("whsec_x\n");
    expect((await waterspout(["webhooks", "rotate-secret"])).stdout).toBe("whsec_x\n");
    expect(paths()).toEqual(["GET /user/webhook-secret", "POST /user/webhook-secret/rotate"]);
  });
});

it("resealing continues until it is done", async () => {
  let calls = 0;
  api.replyTo = () => ({
    status: 200,
    body: { key_id: "k2", resealed: 100, unreadable: 1, done: ++calls === 3 },
  });
  const { stdout, stderr } = await waterspout(["admin", "reseal"]);
  expect([stdout, stderr]).toEqual([
    "300 secrets resealed with the key k2\n",
    "1 secret cannot be opened with any key of SEALING_KEYS\n",
  ]);
});

describe("colours", () => {
  const ESCAPE = "\x1b[";
  const jobs = [
    { id: "1", status: "Completed", progress: 100, created_at: 0, title: "a \x1b[31mtitle", url: "u" },
    { id: "2", status: "Failed", progress: 0, created_at: 0, title: "b", url: "u" },
  ];
  const list = (env: Readonly<Record<string, string>>, isTTY: boolean) => {
    api.reply = { status: 200, body: { jobs, next_cursor: null } };
    return waterspout(["list"], env, { isTTY });
  };

  it.each([
    [{}, true, true],
    [{}, false, false],
    [{ NO_COLOR: "1" }, true, false],
    [{ TERM: "dumb" }, true, false],
    [{ FORCE_COLOR: "1" }, false, true],
    [{ FORCE_COLOR: "0" }, true, false],
    [{ NO_COLOR: "1", FORCE_COLOR: "1" }, false, true],
  ])("with %o, terminal: %s: %s", async (env, isTTY, expected) => {
    const { stdout } = await list(env, isTTY);
    expect(stdout.includes(ESCAPE)).toBe(expected);
  });

  it("show a job's state, and leave the columns aligned", async () => {
    const { stdout } = await list({}, true);
    const [head, first, second] = stdout.split("\n");
    expect(head?.startsWith("\x1b[1mid  status")).toBe(true);
    expect(first).toBe("1   \x1b[32mCompleted\x1b[0m  100 %     1970-01-01 00:00:00  a [31mtitle");
    expect(second).toBe("2   \x1b[31mFailed\x1b[0m     0 %       1970-01-01 00:00:00  b");
  });

  it("are not in JSON, and long lines fit the terminal", async () => {
    api.reply = {
      status: 200,
      body: { jobs: [{ ...jobs[1], title: "long ".repeat(50) }], next_cursor: null },
    };
    const cut = await waterspout(["list"], { NO_COLOR: "1" }, { isTTY: true, columns: 60 });
    expect(cut.stdout.split("\n")[1]).toMatch(/^.{59}…$/);
    expect((await waterspout(["list", "--json"], { FORCE_COLOR: "1" })).stdout).not.toContain(ESCAPE);
  });
});

describe("errors", () => {
  it("of the connection say what is wrong and what to do", async () => {
    const env = { WATERSPOUT_API_KEY: "sk" };
    const nowhere = await waterspout(["cancel", "1", "--server", "https://nowhere.invalid/"], env);
    expect([nowhere.code, nowhere.stderr]).toEqual([
      4,
      expect.stringMatching(
        /^waterspout: https:\/\/nowhere\.invalid cannot be reached: the host name "nowhere\.invalid" (does not exist|cannot be looked up now)\n {2}\S/,
      ),
    ]);
    const closed = createServer();
    const port = await listen(closed);
    closed.close();
    const refused = await waterspout(["cancel", "1", "--server", `http://127.0.0.1:${port}`], env);
    expect([refused.code, refused.stderr]).toEqual([
      4,
      `waterspout: http://127.0.0.1:${port} cannot be reached: nothing accepts connections there\n  Is Waterspout running there, and is the address right?\n`,
    ]);
    const plain = await waterspout(["doctor", "--server", api.url.replace("http:", "https:")]);
    expect([plain.code, plain.stderr]).toEqual([4, expect.stringContaining("it does not speak HTTPS")]);
  });

  it("of a certificate name the reason", () => {
    const failure = (code: string) =>
      new TypeError("fetch failed", { cause: Object.assign(new Error("no"), { code }) });
    const text = (code: string) => explainUnreachable(failure(code), "https://a.example")?.reason;
    expect(text("DEPTH_ZERO_SELF_SIGNED_CERT")).toBe("its certificate is self-signed");
    expect(text("CERT_HAS_EXPIRED")).toBe("its certificate has expired");
    expect(text("ERR_TLS_CERT_ALTNAME_INVALID")).toBe("its certificate is for another host name");
    expect(text("OTHER")).toBeUndefined();
  });

  it("of a key say where it comes from", async () => {
    api.reply = { status: 401, body: refusal("invalid_api_key", "Invalid API Key") };
    const { code, stderr } = await waterspout(["usage"], { WATERSPOUT_API_KEY: "sk" });
    expect([code, stderr]).toEqual([
      3,
      `waterspout: Invalid API Key\n  The key is from WATERSPOUT_API_KEY; the server is ${api.url}.\n`,
    ]);
  });

  it("of a private address show only the operator how to allow it", async () => {
    const issues = [{ path: "url", message: "must be a public address (private address)" }];
    const sentence = "url must be a public address (private address)";
    api.reply = { status: 400, body: refusal("invalid_request", sentence, issues) };
    const words = ["get", "http://10.0.0.1/a.mp4"];
    expect((await waterspout(words)).stderr).toBe(
      `waterspout: ${sentence}\n  To allow a host of your own network, start the server with ALLOWED_PRIVATE_HOSTS=host:port (several with commas).\n`,
    );
    const elsewhere = api.url.replace("127.0.0.1", "localhost");
    const env = { WATERSPOUT_API_KEY: "sk", WATERSPOUT_URL: elsewhere };
    expect((await waterspout(words, env)).stderr).toBe(`waterspout: ${sentence}\n`);
  });

  it("of files name the file", async () => {
    const folder = join(api.folder, "folder");
    mkdirSync(folder);
    const storage = (path: string) => waterspout(["storage", "set", path]);
    expect((await storage("/nowhere.json")).stderr).toBe("waterspout: There is no file /nowhere.json\n");
    expect((await storage(folder)).stderr).toBe(`waterspout: ${folder} cannot be read: it is a folder\n`);
    const key = await waterspout(["usage", "--key-file", file("key", "two words\n")]);
    expect([key.code, key.stderr]).toEqual([
      5,
      `waterspout: ${join(api.folder, "key")} must hold one key and nothing else\n`,
    ]);
  });

  it("of the local stack's file do not claim that the stack is missing", async () => {
    const path = file("local.json", "{ damaged");
    const damaged = await waterspout(["usage"]);
    expect([damaged.code, damaged.stderr]).toEqual([
      5,
      `waterspout: ${path} is damaged. Stop the stack, remove the file, and run npm start again.\n`,
    ]);
    // with a server and a key, the file is not needed
    const named = await waterspout(["usage", "--server", api.url], { WATERSPOUT_API_KEY: "sk" });
    expect(named.code).toBe(0);
    chmodSync(path, 0o600);
  });

  it("of a server that is not Waterspout ask to check the address", async () => {
    api.reply = { status: 404, body: "a page" };
    const { code, stderr } = await waterspout(["usage"]);
    expect([code, stderr]).toEqual([
      4,
      `waterspout: The server responded with 404 without a reason\n  Is ${api.url} the address of a Waterspout?\n`,
    ]);
  });
});

describe("options", () => {
  it("may come before the command, and --url still means --server", async () => {
    const elsewhere = { WATERSPOUT_STATE: "/nowhere", WATERSPOUT_API_KEY: "sk" };
    expect((await waterspout(["--server", api.url, "usage"], elsewhere)).code).toBe(0);
    expect((await waterspout(["usage", "--url", api.url], elsewhere)).code).toBe(0);
    expect((await waterspout([`--url=${api.url}`, "--json", "usage"], elsewhere)).code).toBe(0);
    expect(paths()).toEqual(["GET /usage", "GET /usage", "GET /usage"]);
  });

  it("--quiet keeps results and errors", async () => {
    api.reply = {
      status: 201,
      body: { accounts: [{ id: "1", name: "a" }], id: "key-1", api_key: "shown once" },
    };
    expect(await waterspout(["keys", "create", "-q"])).toEqual({
      code: 0,
      stdout: "shown once\n",
      stderr: "",
    });
    expect((await waterspout(["show", "-q"])).stderr).toBe("waterspout: <job id> is missing; see --help\n");
  });
});

it.each([
  [["help"], /^Deliver media to your own storage from the command line\.\n/],
  [["admin", "--help"], /^Usage: waterspout admin <command>/],
  [["help", "storage"], /\nMore commands:\n {2}storage set /],
  [["--help", "list"], /^List jobs, newest first\.\n/],
  [["get", "-h"], /^Deliver the media of URLs, and wait for it\.\n/],
])("%s prints help", async (words, text) => {
  const { code, stdout } = await waterspout(words, { WATERSPOUT_STATE: "/nowhere" });
  expect([code, stdout]).toEqual([0, expect.stringMatching(text)]);
  // it fits a terminal, except for examples that people copy
  const long = stdout.split("\n").filter((line) => line.length > 100 && !line.startsWith("  waterspout "));
  expect(long).toEqual([]);
});
