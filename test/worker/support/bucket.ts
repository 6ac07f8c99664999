/** An object store behind the XML interface, in memory; signatures are not checked. For `ScriptedNetwork`. */
export class Bucket {
  readonly keys = new Set<string>();
  readonly #isNamedByHost: boolean;

  /** @param isNamedByHost its name is part of the host, not of the path */
  constructor(isNamedByHost = false) {
    this.#isNamedByHost = isNamedByHost;
  }

  /** How often an object was deleted that was there. */
  deleted = 0;
  /** Status of the response to a deletion. */
  onDelete: () => number = () => 204;

  readonly respond = async (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    const key = decodeURIComponent(
      url.pathname
        .split("/")
        .slice(this.#isNamedByHost ? 1 : 2)
        .join("/"),
    );
    if (request.method === "DELETE" && !url.searchParams.has("uploadId")) {
      const status = this.onDelete();
      if (status < 300 && this.keys.delete(key)) this.deleted += 1;
      return new Response(null, { status });
    }
    if (request.method === "GET" && url.searchParams.has("list-type")) {
      const prefix = url.searchParams.get("prefix") ?? "";
      const found = [...this.keys].filter((name) => name.startsWith(prefix)).slice(0, 200);
      const contents = found.map((name) => `<Contents><Key>${name}</Key></Contents>`).join("");
      return new Response(`<ListBucketResult>${contents}</ListBucketResult>`);
    }
    return new Response(null, { status: 200 });
  };
}
