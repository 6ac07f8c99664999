/** The part of ali-oss that is used here; the package brings no types. */
declare module "ali-oss" {
  import type { IncomingHttpHeaders } from "node:http";
  import type { Readable } from "node:stream";

  interface HttpAnswer {
    readonly status: number;
    readonly headers: IncomingHttpHeaders;
    readonly data: Buffer;
    readonly res: { readonly status: number; readonly headers: IncomingHttpHeaders };
  }

  interface HttpParams {
    readonly method: string;
    readonly headers: Readonly<Record<string, string | number | undefined>>;
    readonly content?: string | Buffer;
    readonly stream?: Readable;
  }

  interface Options {
    readonly accessKeyId: string;
    readonly accessKeySecret: string;
    readonly bucket: string;
    readonly endpoint: string;
    readonly region: string;
    readonly authorizationV4: boolean;
    /** Carries out the requests; the package's own HTTP client is not used then. */
    readonly urllib: { request(url: string, params: HttpParams): Promise<HttpAnswer> };
  }

  interface ListedUpload {
    readonly name: string;
    readonly uploadId: string;
    readonly initiated: string;
  }

  class OSS {
    constructor(options: Options);
    initMultipartUpload(
      name: string,
      options: { mime: string; headers: Record<string, string>; meta: Record<string, string> },
    ): Promise<{ uploadId: string }>;
    put(
      name: string,
      content: Buffer,
      options: { mime: string; headers: Record<string, string> },
    ): Promise<unknown>;
    /** What `uploadPart` calls once it has made a stream of its file; the only way that takes a stream. */
    _uploadPart(
      name: string,
      uploadId: string,
      partNumber: number,
      data: { stream: Readable; size: number },
    ): Promise<{ etag: string }>;
    completeMultipartUpload(
      name: string,
      uploadId: string,
      parts: { number: number; etag: string }[],
    ): Promise<unknown>;
    abortMultipartUpload(name: string, uploadId: string): Promise<unknown>;
    listUploads(query: Record<string, string>): Promise<{
      uploads: ListedUpload[];
      isTruncated: boolean;
      nextKeyMarker?: string;
      nextUploadIdMarker?: string;
    }>;
    head(name: string): Promise<{ meta: Record<string, string> | null }>;
    delete(name: string): Promise<unknown>;
    signatureUrlV4(
      method: string,
      seconds: number,
      request: { queries: Record<string, string> },
      name: string,
    ): Promise<string>;
  }

  // biome-ignore lint/style/noDefaultExport: this is how the package is imported
  export default OSS;
}
