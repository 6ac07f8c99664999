import http from "node:http";
import { MultipartStore, sendRefusal } from "../multipart-store.ts";
import { listen } from "../ports.ts";

/** A bucket with S3's interface that can list unfinished uploads, as real ones can and the embedded one cannot. */
export interface ListingStorage {
  readonly origin: string;
  readonly bucket: string;
  keys(): readonly string[];
  unfinished(): readonly string[];
  close(): Promise<void>;
}

export async function startListingStorage(bucket: string): Promise<ListingStorage> {
  const store = await MultipartStore.create({
    ...{ bucket, minPartBytes: 5 << 20, metadataPrefix: "x-amz-meta-", copies: "parts" },
  });
  const server = http.createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://storage");
    const [, name = "", ...segments] = pathname.split("/").map(decodeURIComponent);
    store
      .handle(request, response, { bucket: name, key: segments.join("/"), query: searchParams })
      .catch((error: unknown) => sendRefusal(request, response, error));
  });
  const origin = `http://127.0.0.1:${await listen(server)}`;
  return {
    origin,
    bucket,
    keys: () => store.keys,
    unfinished: () => store.unfinished,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await store.close();
    },
  };
}
