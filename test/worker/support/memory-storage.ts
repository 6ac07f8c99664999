import { addressOf, objectUrl } from "../../../schema/storage/address.ts";
import type { StorageTarget } from "../../../schema/wire/run.ts";
import { env } from "./env.ts";

/** Object stores at several hosts, kept in the tests' R2 bucket; signatures are not checked. */
export class MemoryStorage {
  /** Called before an object is deleted. */
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
    const { host, pathname } = new URL(objectUrl(addressOf(target), key));
    await env.BUCKET.put(`${host}${pathname}`, content);
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
