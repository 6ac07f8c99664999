/** One address of a name. */
export interface Address {
  readonly address: string;
  readonly family: 4 | 6;
}
