/**
 * The name of an upload that is none: the run takes over an object that lies under its key already, and there is nothing
 * to abort.
 */
export const LINK_REF = "link";
