import { beforeEach, describe, expect, it } from "vitest";
import type { ErrorBody } from "../../schema/api/error.ts";
import { completed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { keyFile, SECRETS } from "./support/storages.ts";

/** Google Drive as the storage of an account; `test/contract/storage-gdrive.test.ts` proves the requests themselves. */

const gdrive = { service_account_json: JSON.stringify(keyFile), folder_id: "1Folder", folder_prefix: "team" };
const url = "https://media.example.com/a.mp4";

let worker: Harness;
let key: string;
/** Names of the files and folders that exist. */
let known: string[];

const call = (method: string, path: string, body?: unknown) => worker.call(method, path, { key, body });
const refused = (status: number, reason: string): Response =>
  Response.json({ error: { code: status, message: "…", errors: [{ reason, message: "…" }] } }, { status });

beforeEach(async () => {
  for (const table of ["jobs", "storage_configs"]) await env.DB.exec(`delete from ${table}`);
  worker = new Harness();
  ({ key } = await worker.account());
  known = [];
  worker.network.onOther = drive;
});

/** Avoids `request.text()`: the runtime warns about bodies that may not be text. */
const textOf = async (request: Request): Promise<string> =>
  new TextDecoder().decode(await request.arrayBuffer());

/** As much of Drive as a single file at a time needs. */
async function drive(request: Request): Promise<Response> {
  const { hostname, pathname, searchParams } = new URL(request.url);
  if (hostname === "oauth2.googleapis.com") return Response.json({ access_token: "t" });
  if (pathname.endsWith("/permissions")) return Response.json({ id: "anyoneWithLink" });
  const named = (name: string) => ({
    ...{ id: `id-of-${name}`, name, properties: { waterspout: "file" } },
    mimeType: name.includes(".") ? "video/mp4" : "application/vnd.google-apps.folder",
  });
  if (request.method === "GET" && searchParams.has("q")) {
    const name = /name = '([^']*)'/.exec(searchParams.get("q") ?? "")?.[1] ?? "";
    return Response.json({ files: known.includes(name) ? [named(name)] : [] });
  }
  if (request.method === "POST") {
    const name = /"name":"([^"]*)"/.exec(await textOf(request))?.[1] ?? "";
    known.push(name);
    return Response.json(named(name));
  }
  if (request.method === "DELETE") return new Response(null, { status: 204 });
  return Response.json({ webContentLink: "https://drive.google.com/uc?id=x&export=download" });
}

describe("Google Drive as an account's storage", () => {
  it("is verified by a real write, sealed, shown masked, used and removed", async () => {
    const set = await (await call("POST", "/user/gdrive", gdrive)).json();
    expect(set).toMatchObject({
      message: "Google Drive storage configured successfully",
      ...{ provider: "gdrive", container_or_bucket: "1Folder", folder_prefix: "team" },
      adjustments: [{ field: "s3_url", reason: expect.stringContaining("share_links") }],
    });
    const made = worker.network.calls.filter((made) => /^(POST|DELETE) www/.test(made));
    expect(made.map((made) => made.replace(/\?.*/, ""))).toEqual([
      "POST www.googleapis.com/drive/v3/files",
      "POST www.googleapis.com/drive/v3/files",
      "POST www.googleapis.com/upload/drive/v3/files",
      "DELETE www.googleapis.com/drive/v3/files/id-of-verify_credentials.txt",
    ]);
    expect(await (await call("GET", "/user/gdrive")).json()).toMatchObject({
      ...{ configured: true, provider: "gdrive", container_or_bucket: "1Folder" },
      ...{ folder_prefix: "team", base_folder: "videos", access_key_masked: "****" },
    });
    const stored = JSON.stringify((await env.DB.prepare("select * from storage_configs").all()).results);
    for (const secret of SECRETS) expect(stored + JSON.stringify(worker.logs)).not.toContain(secret);

    const run = await worker.start(key);
    expect(run.target).toMatchObject({ provider: "gdrive", folder_id: "1Folder", managed: false });
    expect((await call("DELETE", "/user/gdrive")).status).toBe(200);
    expect((await worker.start(key)).target).toMatchObject({ managed: true });
  });

  it("shares a delivered file once, and shows its link from then on without asking Drive", async () => {
    const set = await (await call("POST", "/user/gdrive", { ...gdrive, share_links: true })).json();
    expect(set).not.toHaveProperty("adjustments");
    const run = await worker.start(key);
    known.push(completed.outcome.delivery.key.split("/").at(-1) ?? "");
    await worker.report(run, "outcome", completed);
    const before = worker.network.calls.length;
    worker.now += 30 * 86_400_000;
    expect((await worker.job(key, run.job_id)).s3_url).toMatch(/^https:\/\/drive\.google\.com\/uc/);
    expect(worker.network.calls.length).toBe(before);
    expect(worker.network.calls.filter((made) => made.includes("/permissions"))).toHaveLength(1);
    await call("DELETE", "/user/gdrive");
    expect((await worker.job(key, run.job_id)).s3_url).toBeNull();
  });

  it("ends a job without a link when Drive gives none", async () => {
    await call("POST", "/user/gdrive", { ...gdrive, share_links: true });
    const run = await worker.start(key);
    worker.network.onOther = () => refused(503, "backendError");
    await worker.report(run, "outcome", completed);
    expect(await worker.job(key, run.job_id)).toMatchObject({ status: "Completed", s3_url: null });
  });

  it("accepts the address of a folder as its id, and no id for the account's own root", async () => {
    const folder_id = "https://drive.google.com/drive/u/0/folders/1AbC_-d?usp=sharing";
    const shared = await (await call("POST", "/user/gdrive", { ...gdrive, folder_id })).json();
    expect(shared).toMatchObject({ container_or_bucket: "1AbC_-d" });
    const { folder_id: _, ...rootless } = gdrive;
    const root = await (await call("POST", "/user/gdrive", rootless)).json();
    expect(root).toMatchObject({ container_or_bucket: `root of ${keyFile.client_email}` });
    const wrong = await call("POST", "/user/gdrive", { ...gdrive, folder_id: "my folder" });
    expect((await wrong.json<ErrorBody>()).error).toContain("folder_id is neither the id nor the address");
  });

  it("cannot be brought by a job", async () => {
    const response = await call("POST", "/jobs", { url, storage: { provider: "gdrive", ...gdrive } });
    expect(response.status).toBe(400);
    expect((await response.json<ErrorBody>()).error).toContain("POST /user/gdrive");
  });

  it.each([
    [404, "notFound", /finds no folder 1Folder; share the folder with this address/],
    [403, "insufficientFilePermissions", /may not write below videos\/team\/ in 1Folder; share .* as Editor/],
    [403, "storageQuotaExceeded", /a service account may store nothing; use a folder of a shared drive$/],
    [403, "teamDriveFileLimitExceeded", /takes no more files$/],
    [403, "accessNotConfigured", /the Google Drive API is not enabled in the project/],
    [403, "userRateLimitExceeded", /is not available right now; try again later$/],
    [503, "backendError", /is not available right now; try again later$/],
    [401, "authError", /Google does not accept the token$/],
  ])("explains %i %s in a sentence", async (status, reason, sentence) => {
    worker.network.onOther = (request) =>
      request.url.includes("oauth2") ? drive(request) : refused(status, reason);
    const response = await call("POST", "/user/gdrive", gdrive);
    const { code, error } = await response.json<ErrorBody>();
    expect([response.status, code]).toEqual([400, "storage_verification_failed"]);
    expect(error).toMatch(new RegExp(`^Credential validation failed: ${reason}: `));
    expect(error).toMatch(sentence);
  });
});
