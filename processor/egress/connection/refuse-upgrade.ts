import type { ClientRequest } from "node:http";

/**
 * Makes a request fail if its server switches protocols (101), which no request here asks for. If nobody listens for that, Node
 * closes the connection and reports neither a response nor an error.
 */
export function refuseUpgrade(request: ClientRequest): void {
  request.once("upgrade", (_response, socket) => {
    socket.destroy();
    request.emit("error", Object.assign(new Error("the server switched protocols"), { code: "ECONNRESET" }));
  });
}
