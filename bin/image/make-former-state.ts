/** `node make-former-state.ts <folder>`: a state of the former version, and its key on standard output. */
import { makeFormerState } from "./former-state.ts";

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("The folder for the state is missing");
console.log((await makeFormerState(folder)).apiKey);
