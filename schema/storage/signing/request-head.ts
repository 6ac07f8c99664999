/** The signed parts of a request. The body is not signed. */
export interface RequestHead {
  readonly method: string;
  /** Exactly as sent. */
  readonly url: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
}

/** No provider accepts a link with a longer lifetime. */
export const WEEK_SECONDS = 604_800;

/** The lifetime of a link in whole seconds: at least one, at most a week. */
export const linkSeconds = (seconds: number): number =>
  Math.min(WEEK_SECONDS, Math.max(1, Math.floor(seconds)));
