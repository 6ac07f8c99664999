/** The stack cannot start or go on; the message tells the person at the terminal why and what to do. */
export class StackError extends Error {}
