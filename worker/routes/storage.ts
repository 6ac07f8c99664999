import type { Provider } from "../../schema/api/storage.ts";
import { storageEndpoints as endpoints } from "../../schema/api/user-storage.ts";
import { removeStorage, setStorage, testStorage, viewStorage } from "../services/storage/account-storage.ts";
import { actorOf } from "./actor.ts";
import { ok, type RouteInput, route } from "./route.ts";

type Input = Pick<RouteInput<typeof endpoints.getBucket>, "c" | "context">;

const set = async ({ c, context }: Input, storage: Parameters<typeof setStorage>[3]) =>
  ok(await setStorage(context, actorOf(c), c.var.account.id, storage));

const view =
  (provider: Provider) =>
  async ({ c, context }: Input) =>
    ok(await viewStorage(context, c.var.account.id, provider));

const remove =
  (provider: Provider) =>
  async ({ c, context }: Input) =>
    ok({ message: await removeStorage(context, actorOf(c), c.var.account.id, provider) });

/** An account's own storage at each provider. */
export const storageHandlers = {
  testStorage: route(endpoints.testStorage, async ({ c, context }) =>
    ok(await testStorage(context, c.var.account.id)),
  ),
  setS3Storage: route(endpoints.setS3Storage, (input) => set(input, { ...input.body, provider: "s3" })),
  getS3Storage: route(endpoints.getS3Storage, view("s3")),
  removeS3Storage: route(endpoints.removeS3Storage, remove("s3")),
  setBucket: route(endpoints.setBucket, (input) => set(input, { ...input.body, provider: "s3" })),
  getBucket: route(endpoints.getBucket, view("s3")),
  removeBucket: route(endpoints.removeBucket, remove("s3")),
  setBlobStorage: route(endpoints.setBlobStorage, (input) => set(input, { ...input.body, provider: "blob" })),
  getBlobStorage: route(endpoints.getBlobStorage, view("blob")),
  removeBlobStorage: route(endpoints.removeBlobStorage, remove("blob")),
  setGcsStorage: route(endpoints.setGcsStorage, (input) => set(input, { ...input.body, provider: "gcs" })),
  getGcsStorage: route(endpoints.getGcsStorage, view("gcs")),
  removeGcsStorage: route(endpoints.removeGcsStorage, remove("gcs")),
  setOssStorage: route(endpoints.setOssStorage, (input) => set(input, { ...input.body, provider: "oss" })),
  getOssStorage: route(endpoints.getOssStorage, view("oss")),
  removeOssStorage: route(endpoints.removeOssStorage, remove("oss")),
  setGdriveStorage: route(endpoints.setGdriveStorage, (input) =>
    set(input, { ...input.body, provider: "gdrive" }),
  ),
  getGdriveStorage: route(endpoints.getGdriveStorage, view("gdrive")),
  removeGdriveStorage: route(endpoints.removeGdriveStorage, remove("gdrive")),
};
