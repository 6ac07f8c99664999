import { fork } from "node:child_process";
import { once } from "node:events";

/** A program that measures what it is asked for, one order after the other. */
export interface MeasuringProgram<Order, Result> {
  /** @throws Error with what the program reports instead of a result */
  ask(order: Order): Promise<Result>;
  stop(): Promise<void>;
}

/** Starts a program that sends a message when it is ready, and one for each order: its result, or a text if it failed. */
export async function startProgram<Order extends object, Result>(
  file: string,
): Promise<MeasuringProgram<Order, Result>> {
  const child = fork(file);
  const exited = once(child, "exit");
  const ended = exited.then(() => Promise.reject(new Error(`${file} ended`)));
  ended.catch(() => {});
  const message = async () => (await Promise.race([once(child, "message"), ended]))[0];
  await message();
  return {
    async ask(order) {
      child.send(order);
      const response = await message();
      if (typeof response === "string") throw new Error(`${file} could not measure: ${response}`);
      return response;
    },
    async stop() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

/** The other side: called by such a program when it can take orders. It ends with the program that started it. */
export function serveOrders<Order, Result>(measure: (order: Order) => Promise<Result>): void {
  process.once("disconnect", () => process.exit(0));
  process.on("SIGINT", () => {});
  process.on("message", (order: Order) => {
    measure(order).then(
      (result) => process.send?.(result),
      (error: unknown) => process.send?.(String(error)),
    );
  });
  process.send?.("ready");
}
