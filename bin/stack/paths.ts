import { join } from "node:path";

/** The folder of the repository, absolute. */
export const root = join(import.meta.dirname, "..", "..");

/** A path inside the repository. */
export const inRoot = (...parts: string[]): string => join(root, ...parts);
