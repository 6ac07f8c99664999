/**
 * Shares the connections of one invocation fairly among webhook endpoints. The platform opens six connections per
 * invocation and silently queues further requests, so a few endpoints that hang would delay all others. Therefore
 * events wait here, before the request: each endpoint gets two connections at most, endpoints that are known to be slow
 * share two, and one that turns out to be slow while others wait loses its connection and is retried as a slow one.
 */

/** Connections that the platform opens at the same time. */
const CONNECTIONS = 6;
const PER_ENDPOINT = 2;
/** Connections for endpoints that are known to be slow. */
const FOR_SLOW = 2;
/** An endpoint that has not responded after this long is slow, in milliseconds. */
export const QUICK_MS = 3_000;
/** An event that found no connection after this long goes back to the queue, in milliseconds. */
const LONGEST_WAIT_MS = 25_000;

/** The result for an event at the gate. */
export type Passage<T> =
  | { readonly type: "done"; readonly value: T }
  /** Others waited, and the endpoint took too long: no try is counted, and it is slow from now on. */
  | { readonly type: "preempted" }
  /** No connection became free. */
  | { readonly type: "crowded" };

interface Endpoint {
  readonly name: string;
  readonly isSlow: boolean;
}

interface Waiter extends Endpoint {
  readonly enter: (sending: Sending) => void;
}

interface Sending extends Endpoint {
  readonly since: number;
  readonly abort: AbortController;
}

export class PostGate {
  readonly #waiting: Waiter[] = [];
  readonly #sending = new Set<Sending>();

  /**
   * Sends as soon as there is a connection for the endpoint.
   *
   * @param send gets the signal that takes the connection away
   */
  async pass<T>(endpoint: Endpoint, send: (signal: AbortSignal) => Promise<T>): Promise<Passage<T>> {
    const sending = this.#hasRoom(endpoint) ? this.#begin(endpoint) : await this.#wait(endpoint);
    if (sending === null) return { type: "crowded" };
    const timer = setTimeout(() => this.#makeRoom(), QUICK_MS);
    try {
      const value = await send(sending.abort.signal);
      return sending.abort.signal.aborted ? { type: "preempted" } : { type: "done", value };
    } finally {
      clearTimeout(timer);
      this.#sending.delete(sending);
      this.#admit();
    }
  }

  #hasRoom({ name, isSlow }: Endpoint): boolean {
    const sending = [...this.#sending];
    if (sending.length >= CONNECTIONS) return false;
    if (isSlow && sending.filter((other) => other.isSlow).length >= FOR_SLOW) return false;
    return sending.filter((other) => other.name === name).length < PER_ENDPOINT;
  }

  #begin({ name, isSlow }: Endpoint): Sending {
    const sending = { name, isSlow, since: Date.now(), abort: new AbortController() };
    this.#sending.add(sending);
    return sending;
  }

  /** Null if it took too long. */
  #wait(endpoint: Endpoint): Promise<Sending | null> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        resolve(null);
      }, LONGEST_WAIT_MS);
      const enter = (sending: Sending) => {
        clearTimeout(timer);
        resolve(sending);
      };
      const waiter: Waiter = { ...endpoint, enter };
      this.#waiting.push(waiter);
      this.#makeRoom();
    });
  }

  /** Admits as many as there is room for, in order of arrival. */
  #admit(): void {
    for (const waiter of [...this.#waiting]) {
      if (!this.#hasRoom(waiter)) continue;
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
      waiter.enter(this.#begin(waiter));
    }
    this.#makeRoom();
  }

  /** Takes connections away from endpoints that turned out to be slow, as many as others need. */
  #makeRoom(): void {
    if (this.#sending.size < CONNECTIONS) return;
    const overdue = [...this.#sending].filter(
      ({ isSlow, since, abort }) => !isSlow && !abort.signal.aborted && Date.now() - since >= QUICK_MS,
    );
    const wanted = this.#waiting.filter(({ isSlow }) => !isSlow).length;
    for (const { abort } of overdue.slice(0, wanted)) abort.abort(new Error("others are waiting"));
  }
}
