/** A request as it is signed: all that a signature covers, and nothing of its body. */
export interface RequestHead {
  readonly method: string;
  /** Exactly as it is sent. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** No provider takes a link that holds for longer. */
export const WEEK_SECONDS = 604_800;

/** The seconds that a link holds: whole, at least one, at most a week. */
export const linkSeconds = (seconds: number): number =>
  Math.min(WEEK_SECONDS, Math.max(1, Math.floor(seconds)));
