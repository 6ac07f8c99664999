import manifest from "../package.json" with { type: "json" };

/** @example "waterspout 0.1.0" */
export const VERSION_TEXT = `waterspout ${manifest.version}`;
