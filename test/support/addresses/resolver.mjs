/**
 * Loaded into the programs of a stack before they start (`node --import`): answers names below `dns.example` as they say,
 * see `forms.ts`, and notes every address that is dialled in the file of its own address's `log` parameter. Nobody is reached at the black hole.
 */

import dns from "node:dns/promises";
import { appendFileSync } from "node:fs";
import net from "node:net";
import { basename } from "node:path";
import { answersOf } from "./lookup.ts";

const BLACK_HOLE = "25.0.0.1";
const log = new URL(import.meta.url).searchParams.get("log");
const program = basename(process.argv[1] ?? "");
const systemLookup = dns.lookup;
/** @type {Map<string, number>} */
const lookups = new Map();

dns.lookup = /** @type {any} */ (
  async (/** @type {string} */ name, /** @type {any} */ options) => {
    const before = lookups.get(name) ?? 0;
    const responses = answersOf(name, before);
    if (responses !== null) {
      lookups.set(name, before + 1);
      return responses;
    }
    if (net.isIP(name) !== 0) return systemLookup(name, options);
    throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: "ENOTFOUND" });
  }
);

if (log) {
  const connect = net.Socket.prototype.connect;
  net.Socket.prototype.connect = function (/** @type {any[]} */ ...args) {
    const options = Array.isArray(args[0]) ? args[0][0] : args[0];
    const host = options?.host ?? "";
    const isBlackHole = host === BLACK_HOLE;
    if (options?.port !== undefined && !isBlackHole) {
      // several judged addresses come by the lookup that is handed over
      appendFileSync(log, `${program} ${host}:${options.port}\n`);
      if (typeof options.lookup === "function" && net.isIP(host) === 0) {
        options.lookup(host, { all: true }, (/** @type {any} */ _error, /** @type {any[]} */ found) => {
          for (const { address } of found ?? [])
            appendFileSync(log, `${program} ${address}:${options.port}\n`);
        });
      }
    }
    if (isBlackHole) {
      setImmediate(() =>
        this.destroy(Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" })),
      );
      return this;
    }
    return connect.apply(this, /** @type {any} */ (args));
  };
}
