import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readConfig } from "../../processor/config.ts";
import { readOperatorCookies } from "../../processor/operator-cookies.ts";

const REQUIRED = { WORKER_URL: "http://127.0.0.1:8787", PROCESSOR_TOKEN: "0123456789abcdef" };
const LINE = [".example.com", "TRUE", "/", "TRUE", "0", "session", "s3cret"].join("\t");
const COOKIES = `# Netscape HTTP Cookie File\n${LINE}\n#HttpOnly_${LINE}\n`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cookies-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("YTDLP_COOKIES", () => {
  it.each([
    ["text", COOKIES],
    ["text of another system", COOKIES.replaceAll("\n", "\r\n")],
    ["Base64", Buffer.from(COOKIES).toString("base64")],
    ["Base64 in lines", Buffer.from(COOKIES).toString("base64").replaceAll(/.{40}/g, "$&\n")],
    ["Base64 of gzip", gzipSync(COOKIES).toString("base64")],
  ])("accepts %s", async (_, value) => {
    const config = readConfig({ ...REQUIRED, YTDLP_COOKIES: value });
    const cookies = await readOperatorCookies(config);
    expect(cookies?.split("\n").filter((line) => line.includes("\t"))).toEqual([LINE, `#HttpOnly_${LINE}`]);
  });

  it("keeps a cookie whose value is empty", async () => {
    const empty = `${LINE.replace("s3cret", "")}`;
    const cookies = await readOperatorCookies(readConfig({ ...REQUIRED, YTDLP_COOKIES: `${empty}\n` }));
    expect(cookies?.split("\n")[0]).toBe(empty);
  });

  it.each([
    ['[{"name":"session","value":"s3cret"}]'],
    ["session=s3cret; other=1"],
    ["# Netscape HTTP Cookie File"],
    [Buffer.from("no cookies").toString("base64")],
    [gzipSync(Buffer.alloc(2 << 20)).toString("base64")],
    [`${Buffer.from([0x1f, 0x8b]).toString("base64")}`],
  ])("refuses %.40s, without repeating it", (value) => {
    const read = () => readConfig({ ...REQUIRED, YTDLP_COOKIES: value });
    expect(read).toThrow("YTDLP_COOKIES must hold cookies in Netscape format");
    expect(read).not.toThrow("s3cret");
  });

  it("cannot be combined with a file", () => {
    const both = { ...REQUIRED, YTDLP_COOKIES: COOKIES, YTDLP_COOKIES_FILE: "/run/cookies.txt" };
    expect(() => readConfig(both)).toThrow("YTDLP_COOKIES and YTDLP_COOKIES_FILE are both set");
  });
});

describe("YTDLP_COOKIES_FILE", () => {
  const cookiesOf = (file: string) =>
    readOperatorCookies({ ytdlpCookies: undefined, ytdlpCookiesFile: join(folder, file) });

  it("is checked when it is first read", async () => {
    await expect(cookiesOf("absent.txt")).rejects.toThrow(
      /absent\.txt cannot be read \(ENOENT\): correct the path/,
    );
    await writeFile(join(folder, "json.txt"), '[{"name":"session","value":"s3cret"}]');
    await expect(cookiesOf("json.txt")).rejects.toThrow(/json\.txt holds no cookies in Netscape format/);
  });

  it("may be empty until the operator fills it", async () => {
    await writeFile(join(folder, "empty.txt"), "# Netscape HTTP Cookie File\n");
    expect(await cookiesOf("empty.txt")).toContain("Netscape");
  });
});
