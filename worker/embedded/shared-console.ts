import { createBatcher } from "./batcher.ts";

/** How long a line may wait for others, in milliseconds: several requests of one client that sends one after the other. */
export const GATHER_MS = 25;

/**
 * Makes `console.log` write the lines of all requests together: each call of it is a message to the process around
 * the platform, which costs both more than the line.
 */
export function shareConsole(waitUntil: (work: Promise<unknown>) => void): void {
  const write = console.log.bind(console);
  const add = createBatcher<string>({
    waitUntil,
    process: async (lines) => {
      await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
      write(lines.join("\n"));
    },
  });
  console.log = (line: string) => {
    add(line);
  };
}
