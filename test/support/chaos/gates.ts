import { type Disturbance, type FaultyProxy, startFaultyProxy } from "../faulty-proxy.ts";

/** A connection between two parts that a fault can disturb. */
export interface Gate {
  readonly origin: string;
  /** `127.0.0.1:port` */
  readonly host: string;
  /** What to do with each request; null: nothing. */
  disturb: ((request: string) => Disturbance) | null;
  close(): Promise<void>;
}

/** @param target base URL, known before the first request */
export async function openGate(target: string): Promise<Gate> {
  let proxy: FaultyProxy | undefined;
  const gate: Gate = {
    origin: "",
    host: "",
    disturb: null,
    close: async () => proxy?.close(),
  };
  proxy = await startFaultyProxy(target, (request) => gate.disturb?.(request) ?? "pass");
  return Object.assign(gate, { origin: proxy.origin, host: new URL(proxy.origin).host });
}
