import { z } from "zod";

/**
 * Version of the messages between Worker and processor. A new Worker is live before the new processor image, so
 * each side accepts this version and the one before.
 */
export const WIRE_VERSION = 1;
export const Version = z.literal(WIRE_VERSION);
