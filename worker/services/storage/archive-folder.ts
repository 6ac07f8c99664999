/** Cannot collide with an account's folder: a storage prefix begins with a letter or a digit. */
const FOLDER = ".archive";

/** Where the archive of an account's removed rows is in the operator's bucket. @param accountId empty: of the operator */
export const archiveFolder = (accountId: string): string =>
  `${FOLDER}/${accountId === "" ? "operator" : accountId}/`;
