/**
 * Whether a status comes from the network in front of the Worker, which reached nobody: Cloudflare's own statuses, which
 * the self-hosted platform uses as well.
 *
 * @example isUnreached(530) // the name is unknown or must not be dialled
 */
export const isUnreached = (status: number): boolean => status === 530 || (status >= 521 && status <= 526);
