import { describeError, type Log } from "../lib/log.ts";

/** Messages that the consumer gets at once: as many as `wrangler.toml` allows the busier queue. */
const MESSAGES_PER_BATCH = 10;

interface MemoryQueueOptions {
  readonly name: string;
  /** Processes a batch; a message that it neither acknowledges nor retries counts as acknowledged. */
  readonly consume: (batch: MessageBatch<unknown>) => Promise<void>;
  /** Lets work go on when the call that began it has ended. */
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly log: Log;
}

interface QueuedMessage {
  readonly id: string;
  readonly timestamp: Date;
  readonly body: unknown;
  /** How often the consumer has got it. */
  attempts: number;
}

/**
 * A queue in memory with one consumer, which gets one batch after the other. Its messages are lost with the process, which
 * loses no job: reconcile sends them again.
 */
export class MemoryQueue {
  #ready: QueuedMessage[] = [];
  /** Messages to be delivered later, by the second in which they are due: one timer for each second. */
  readonly #delayed = new Map<number, QueuedMessage[]>();
  #isConsuming = false;
  readonly #options: MemoryQueueOptions;

  constructor(options: MemoryQueueOptions) {
    this.#options = options;
  }

  send(messages: Iterable<MessageSendRequest<unknown>>): void {
    const timestamp = new Date();
    for (const { body, delaySeconds = 0 } of messages) {
      this.#add({ id: crypto.randomUUID(), timestamp, body, attempts: 0 }, delaySeconds);
    }
    this.#start();
  }

  /** Messages that were sent and not yet acknowledged, but for those that are being consumed. */
  get backlogCount(): number {
    const delayed = [...this.#delayed.values()];
    return delayed.reduce((sum, messages) => sum + messages.length, this.#ready.length);
  }

  #add(message: QueuedMessage, delaySeconds: number): void {
    if (delaySeconds <= 0) {
      this.#ready.push(message);
      return;
    }
    const second = Math.ceil(Date.now() / 1000 + delaySeconds);
    const others = this.#delayed.get(second);
    if (others) others.push(message);
    else {
      this.#delayed.set(second, [message]);
      setTimeout(() => this.#release(second), second * 1000 - Date.now());
    }
  }

  #release(second: number): void {
    this.#ready.push(...(this.#delayed.get(second) ?? []));
    this.#delayed.delete(second);
    this.#start();
  }

  #start(): void {
    if (this.#isConsuming || this.#ready.length === 0) return;
    this.#isConsuming = true;
    this.#options.waitUntil(this.#consumeAll());
  }

  async #consumeAll(): Promise<void> {
    while (this.#ready.length > 0) {
      const batch = this.#ready.slice(0, MESSAGES_PER_BATCH);
      this.#ready = this.#ready.slice(MESSAGES_PER_BATCH);
      await this.#consumeBatch(batch);
    }
    this.#isConsuming = false;
  }

  async #consumeBatch(queued: readonly QueuedMessage[]): Promise<void> {
    const { name, consume, log } = this.#options;
    const retried = new Map<QueuedMessage, number>();
    const messages = queued.map((message) => {
      message.attempts += 1;
      return {
        ...message,
        ack: () => retried.delete(message),
        retry: ({ delaySeconds = 0 }: QueueRetryOptions = {}) => retried.set(message, delaySeconds),
      };
    });
    const batch: Pick<MessageBatch<unknown>, "queue"> & { readonly messages: typeof messages } = {
      queue: name,
      messages,
    };
    try {
      await consume(batch as unknown as MessageBatch<unknown>);
    } catch (error) {
      log("messages_lost", { messages: queued.length, error: describeError(error) });
      return;
    }
    for (const [message, delaySeconds] of retried) this.#add(message, delaySeconds);
  }
}
