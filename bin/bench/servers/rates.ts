/** Rates of the slow connections of the benches, in bytes per second. */

/** Each connection of the origin's `/capped/…`. */
export const CAPPED_RATE = 20e6;

/** All connections together of the origin's `/shaped/…`, and all of the bucket `shaped`. */
export const SHAPED_RATE = 100e6;
