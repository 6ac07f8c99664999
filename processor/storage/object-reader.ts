import type { StorageTarget } from "../../schema/wire/run.ts";
import { HttpClient, type OpenedResponse, type OpenOptions } from "../egress/http-client.ts";
import { EgressPolicy } from "../egress/policy.ts";
import type { ObjectStore } from "./object-store.ts";

export interface ObjectReaderParts {
  readonly target: StorageTarget;
  readonly store: Pick<ObjectStore, "ownHeaders">;
  readonly policy: EgressPolicy;
  /** The run's connection to its source. */
  readonly others: HttpClient;
  /** Any link to the storage. */
  readonly link: string;
}

/**
 * The client of a run that also reads back what the run stored: requests to the storage's own host go there directly,
 * everything else uses the run's source network.
 */
export class ObjectReader extends HttpClient {
  readonly #others: HttpClient;
  readonly #store: Pick<ObjectStore, "ownHeaders">;
  readonly #storageHost: string;

  constructor({ target, store, policy, others, link }: ObjectReaderParts) {
    const { hostname, host, port, protocol } = new URL(link);
    const opened = `${hostname}:${port || (protocol === "https:" ? 443 : 80)}`;
    // the operator's own bucket is configuration, not a caller's input
    const isOwn = "managed" in target && target.managed;
    super(isOwn ? new EgressPolicy({ opened: new Set([opened]) }) : policy);
    this.#others = others;
    this.#store = store;
    this.#storageHost = host;
  }

  override async open(url: string, options: OpenOptions = {}): Promise<OpenedResponse> {
    if (new URL(url).host !== this.#storageHost) return this.#others.open(url, options);
    const own = await this.#store.ownHeaders?.();
    return super.open(url, own ? { ...options, headers: { ...options.headers, ...own } } : options);
  }
}
