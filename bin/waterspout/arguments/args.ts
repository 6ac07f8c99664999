/** An option as the help shows it; without `value` it is a switch. */
export interface Option {
  /** Placeholder of the value, or its choices. @example "FILE" @example "mp4|mkv" */
  readonly value?: string;
  readonly help: string;
  /** One letter that stands for it. @example "o" */
  readonly short?: string;
  /** A former name that still works. */
  readonly alias?: string;
  /** Still accepted, but no longer needed, so the help leaves it out. */
  readonly hidden?: true;
}
export type Options = Readonly<Record<string, Option>>;

/** What follows the name of a command on the command line. */
export interface Args {
  readonly operands: readonly string[];
  /** Whether a switch is set. */
  flag(name: string): boolean;
  /** The value of an option; the last one wins. */
  text(name: string): string | undefined;
  /** How the option was written, with its dashes; undefined if it is absent. @example "--url" */
  spelling(name: string): string | undefined;
}
