/** A JSON object, as far as its members matter here. */
export type Json = Record<string, unknown>;
