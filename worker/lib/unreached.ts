/**
 * Whether a status means that the network in front of the Worker reached no server: Cloudflare's own statuses, which
 * the self-hosted platform uses as well.
 *
 * @example isUnreached(530) // the name is unknown or not allowed
 */
export const isUnreached = (status: number): boolean => status === 530 || (status >= 521 && status <= 526);
