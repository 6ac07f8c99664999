/**
 * Outlives the stack by a moment: `node guard.ts <stack id>` waits until its standard input ends, which happens when
 * the stack closes it or is killed, and then ends the remaining processes of the stack.
 */
import { endProcessesOf } from "../marker.ts";

/** How long processes may take to end on their own, in milliseconds. */
const GRACE = 5_000;

const [stackId] = process.argv.slice(2);
if (stackId === undefined) throw new Error("The id of the stack is missing");
process.stdin.resume();
process.stdin.once("close", () => void endProcessesOf(stackId, GRACE));
