import type { StorageTarget } from "../../schema/wire/run.ts";
import { HttpClient, type OpenedResponse, type OpenOptions } from "../egress/http-client.ts";
import { EgressPolicy } from "../egress/policy.ts";

/**
 * The client of a run that also reads back what the run stored: requests to the storage's own host go there directly,
 * everything else takes the run's source network.
 */
export class ObjectReader extends HttpClient {
  readonly #others: HttpClient;
  readonly #storageHost: string;

  /**
   * @param others the run's way to its source
   * @param link any signed link to the storage
   */
  constructor(target: StorageTarget, policy: EgressPolicy, others: HttpClient, link: string) {
    const { hostname, host, port, protocol } = new URL(link);
    const opened = `${hostname}:${port || (protocol === "https:" ? 443 : 80)}`;
    // the operator's own bucket is configuration, not a caller's word
    const isOwn = "managed" in target && target.managed;
    super(isOwn ? new EgressPolicy({ opened: new Set([opened]) }) : policy);
    this.#others = others;
    this.#storageHost = host;
  }

  override open(url: string, options: OpenOptions = {}): Promise<OpenedResponse> {
    return new URL(url).host === this.#storageHost
      ? super.open(url, options)
      : this.#others.open(url, options);
  }
}
