/** The stack cannot start or continue; the message says why and what to do, to the person at the terminal. */
export class StackError extends Error {}
