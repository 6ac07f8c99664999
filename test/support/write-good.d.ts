/** The part of write-good that the tests use; it comes without types. */
declare module "write-good" {
  interface Suggestion {
    readonly reason: string;
    readonly index: number;
    readonly offset: number;
  }
  const writeGood: (text: string, options?: Readonly<Record<string, boolean>>) => Suggestion[];
  export = writeGood;
}
