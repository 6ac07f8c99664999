/**
 * The memory that all runs of a processor may fill with file parts at the same time.
 *
 * Each run joins with the size of what it holds at least, one part or two, which is reserved for it. So it can always
 * continue, even if the others hold the rest; everything above is granted first come, first served. The sum never exceeds
 * the capacity.
 *
 * @example
 * const share = await budget.join(partBytes, signal);
 * await share.take(partBytes, signal); … share.give(partBytes); share.leave();
 */
export class BufferBudget {
  /** Bytes that may be in use together. */
  readonly capacity: number;
  #used = 0;
  readonly #queue: Waiter[] = [];

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** Bytes reserved or in use right now; never more than the capacity. */
  get used(): number {
    return this.#used;
  }

  /**
   * Reserves memory for a run, waiting in line while there is no room.
   *
   * @param reservedBytes as much as the run must be able to hold at the same time in order to continue
   * @throws RangeError when that is more than the whole budget; the signal's reason when it is aborted
   */
  async join(reservedBytes: number, signal?: AbortSignal): Promise<BudgetShare> {
    if (reservedBytes > this.capacity) throw new RangeError("a run needs more than the whole buffer budget");
    const share = new BudgetShare(reservedBytes, this.#ledger);
    await this.#wait({ share, cost: () => reservedBytes, grant: () => share.open() }, signal);
    return share;
  }

  readonly #ledger: Ledger = {
    take: (share, bytes, signal) =>
      this.#wait({ share, cost: () => share.costOf(bytes), grant: () => share.hold(bytes) }, signal),
    change: (bytes) => {
      this.#used += bytes;
      this.#pump();
    },
  };

  #wait(request: Request, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        this.#queue.splice(this.#queue.indexOf(waiter), 1);
        reject(signal?.reason);
        this.#pump();
      };
      const waiter: Waiter = {
        ...request,
        resolve: () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#queue.push(waiter);
      this.#pump();
    });
  }

  /** Grants in order; after a request that must wait, only what a run has reserved is granted. */
  #pump(): void {
    const blocked = new Set<BudgetShare>();
    for (const waiter of [...this.#queue]) {
      const cost = waiter.cost();
      const fits = cost === 0 || (blocked.size === 0 && this.#used + cost <= this.capacity);
      if (!fits || blocked.has(waiter.share)) {
        blocked.add(waiter.share);
        continue;
      }
      this.#used += cost;
      this.#queue.splice(this.#queue.indexOf(waiter), 1);
      waiter.grant();
      waiter.resolve();
    }
  }
}

interface Request {
  readonly share: BudgetShare;
  /** Bytes that granting this would add to what is in use. */
  readonly cost: () => number;
  readonly grant: () => void;
}

interface Waiter extends Request {
  readonly resolve: () => void;
}

interface Ledger {
  take(share: BudgetShare, bytes: number, signal: AbortSignal | undefined): Promise<void>;
  change(bytes: number): void;
}

/** One run's part of a {@link BufferBudget}. */
export class BudgetShare {
  readonly #reservedBytes: number;
  readonly #ledger: Ledger;
  #held = 0;
  #open = false;

  constructor(reservedBytes: number, ledger: Ledger) {
    this.#reservedBytes = reservedBytes;
    this.#ledger = ledger;
  }

  /**
   * Waits until `bytes` more may be held; at once while they fit into what is reserved for the run.
   *
   * @throws RangeError when more than that is requested at once; the signal's reason when it is aborted
   */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    if (bytes > this.#reservedBytes) throw new RangeError("more than what is reserved was asked for at once");
    await this.#ledger.take(this, bytes, signal);
  }

  /** Returns bytes that were taken. */
  give(bytes: number): void {
    const before = this.#charge();
    this.#held -= bytes;
    this.#ledger.change(this.#charge() - before);
  }

  /** Returns everything, including what is reserved. */
  leave(): void {
    const before = this.#charge();
    this.#open = false;
    this.#held = 0;
    this.#ledger.change(-before);
  }

  /** Bytes that holding `bytes` more would add to what the budget counts. */
  costOf(bytes: number): number {
    return Math.max(this.#reservedBytes, this.#held + bytes) - this.#charge();
  }

  /** Called by the budget once it was granted. */
  hold(bytes: number): void {
    this.#held += bytes;
  }

  /** Called by the budget once it was granted. */
  open(): void {
    this.#open = true;
  }

  #charge(): number {
    return this.#open ? Math.max(this.#reservedBytes, this.#held) : 0;
  }
}
