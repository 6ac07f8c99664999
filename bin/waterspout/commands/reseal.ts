import type { Command } from "../command.ts";
import { EXIT } from "../failures/exit-codes.ts";
import { counted } from "../terminal/text.ts";

export const reseal: Command = {
  summary: "Reseal all stored secrets with the newest key of SEALING_KEYS",
  details: "Run it after a new key was put first in SEALING_KEYS. Remove the former key a day later.",
  needs: "admin",
  examples: ["admin reseal"],
  async run(_, { api, out, signal }) {
    const total = { key_id: "", resealed: 0, unreadable: 0 };
    for (let done = false; !done; ) {
      // each call reseals one page
      const page = await api.reseal({ signal });
      total.key_id = page.key_id;
      total.resealed += page.resealed;
      total.unreadable = page.unreadable;
      done = page.done;
    }
    out.result(total, () => `${counted(total.resealed, "secret")} resealed with the key ${total.key_id}`);
    if (total.unreadable > 0) {
      out.note(`${counted(total.unreadable, "secret")} cannot be opened with any key of SEALING_KEYS`, "red");
    }
    return EXIT.ok;
  },
};
