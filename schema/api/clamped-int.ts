import { z } from "zod";

/** A whole number in a query. Out of range, it is clamped; if it is not a number, the fallback is used. */
export function clampedInt(min: number, max: number, fallback: number) {
  return z
    .string()
    .optional()
    .transform((value) => {
      const number = Math.trunc(Number(value ?? fallback));
      return Number.isNaN(number) ? fallback : Math.min(max, Math.max(min, number));
    })
    .describe(`${min} to ${max}, default ${fallback}, clamped`);
}
