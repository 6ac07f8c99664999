import type { AddressRange } from "../../../schema/address-range.ts";
import type { PlatformBindings } from "./bindings.ts";

/** What the stack writes for its Worker's process; it holds secrets, so only the owner may read it. */
export interface PlatformFile {
  /** Address that the API and the managed bucket listen on. */
  readonly host: string;
  readonly port: number;
  /** Where D1, Durable Objects, queues and R2 live on disk. */
  readonly dataFolder: string;
  /** The Worker as one module. */
  readonly bundleFile: string;
  /** The files of the Worker's pages. */
  readonly assetsFolder: string;
  readonly bindings: PlatformBindings;
  /** The Worker's own variables, secrets among them. */
  readonly variables: Readonly<Record<string, string>>;
  /** SQL files that the database must have seen, absolute, in their order. */
  readonly migrations: readonly string[];
  /** Credentials of the embedded bucket. */
  readonly bucket: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Private `host:port` pairs that the Worker may dial: the operator's, and what the stack itself needs. */
  readonly openedHosts: readonly string[];
  /** Reverse proxies whose word on a client's address counts. */
  readonly trustedProxies: readonly AddressRange[];
  /** Where the process writes how it is controlled. */
  readonly controlFile: string;
}
