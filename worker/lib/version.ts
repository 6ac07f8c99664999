import { version } from "../../package.json";

/** The version that is running. @example "0.1.0" */
export const VERSION: string = version;
