import { createServer } from "node:http";
import type { ProcessorOptions, SupervisedProcessor } from "../../stack/processor.ts";

/** A processor that is well and whose slots are all taken, so that a stack accepts jobs and runs none. */
export function startFullProcessor({ env }: ProcessorOptions): SupervisedProcessor {
  const server = createServer((request, response) => {
    request.resume();
    const isFine = request.method === "GET";
    response.writeHead(isFine ? 200 : 503, { "content-type": "application/json", "retry-after": "5" });
    response.end("{}");
  });
  server.listen(Number(env.PORT), "127.0.0.1");
  return {
    restart: () => undefined,
    stop: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
