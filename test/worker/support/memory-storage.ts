import type { StorageTarget } from "../../../schema/wire/run.ts";
import { encodeKey } from "../../../worker/lib/bytes.ts";
import { env } from "./env.ts";

/** Object stores at several hosts, kept in the tests' R2 bucket; signatures are not looked at. */
export class MemoryStorage {
  /** What happens before an object is deleted. */
  onDelete: () => Promise<void> = async () => {};

  /** For `ScriptedNetwork`. */
  readonly respond = async (request: Request): Promise<Response> => {
    const { host, pathname } = new URL(request.url);
    const key = `${host}${pathname}`;
    switch (request.method) {
      case "PUT":
        await env.BUCKET.put(key, await request.arrayBuffer());
        return new Response(null, { status: 200 });
      case "DELETE":
        await this.onDelete();
        await env.BUCKET.delete(key);
        return new Response(null, { status: 204 });
      default: {
        const object = await env.BUCKET.get(key);
        return object ? new Response(await object.text()) : new Response(null, { status: 404 });
      }
    }
  };

  /** Writes as a processor does. */
  async write(target: StorageTarget, key: string, content: string): Promise<void> {
    if (target.provider !== "s3") throw new Error("only S3 is played here");
    const { endpoint, bucket, addressing } = target;
    const at = new URL(
      addressing === "path" ? `${endpoint}/${bucket}` : endpoint.replace("://", `://${bucket}.`),
    );
    await env.BUCKET.put(`${at.host}${at.pathname.replace(/\/$/, "")}/${encodeKey(key)}`, content);
  }

  /** Every object, by its address. */
  async list(): Promise<string[]> {
    return (await env.BUCKET.list()).objects.map(({ key }) => key);
  }

  async clear(): Promise<void> {
    const keys = await this.list();
    if (keys.length > 0) await env.BUCKET.delete(keys);
  }
}
