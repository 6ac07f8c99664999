/** The part of ali-oss that is used here; the package brings no types. */
declare module "ali-oss" {
  interface Options {
    readonly accessKeyId: string;
    readonly accessKeySecret: string;
    /** Of temporary credentials. */
    readonly stsToken?: string;
    readonly bucket: string;
    readonly endpoint: string;
    readonly region: string;
    readonly authorizationV4: boolean;
  }

  class OSS {
    constructor(options: Options);
    /** A query without a value is null. */
    signatureUrlV4(
      method: string,
      seconds: number,
      request: { headers?: Record<string, string>; queries: Record<string, string | null> },
      name: string,
    ): Promise<string>;
  }

  // biome-ignore lint/style/noDefaultExport: this is how the package is imported
  export default OSS;
}
