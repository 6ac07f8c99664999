import { z } from "zod";
import { type DriveRequest, FOLDER_TYPE, filesUrl, quoted, type SendToDrive } from "./drive-request.ts";

/** The mark of every file and folder that this service created: only those are ever deleted. */
export const MARK = { name: "waterspout", file: "file", folder: "folder" } as const;
/** Names the upload that gave a file its content. */
export const UPLOAD_MARK = "waterspout_upload";

/** What is asked of a file. */
export const FILE_FIELDS = "id,name,mimeType,createdTime,size,sha256Checksum,properties";

export const DriveFile = z.object({
  id: z.string(),
  name: z.string(),
  mimeType: z.string().default(""),
  createdTime: z.string().default(""),
  /** Bytes, as a decimal number; absent for what has no content. */
  size: z.string().optional(),
  sha256Checksum: z.string().optional(),
  properties: z.record(z.string(), z.string()).default({}),
});
export type DriveFile = z.infer<typeof DriveFile>;
const FileList = z.object({ nextPageToken: z.string().optional(), files: z.array(DriveFile) });

/** Files on a page of a listing: as much as fits into what the Worker reads of a response. */
const PAGE_FILES = "200";

/** Google's own documents, folders and shortcuts have no content that could be replaced. */
const OWN_TYPES = "application/vnd.google-apps.";

/** True for what this service made. */
export const isOurs = ({ properties }: DriveFile): boolean => properties[MARK.name] !== undefined;

/** Where the tree begins, and how it is asked. */
export interface DriveTreeOptions {
  /** @example "https://www.googleapis.com" */
  readonly endpoint: string;
  /** Empty for the root of the account's own Drive. */
  readonly folderId: string;
  readonly send: SendToDrive;
}

/**
 * Object keys as folders and names below one folder of Google Drive, which knows ids only: any number of files and
 * folders may have the same name in one folder. `docs/decisions/drive-has-no-keys.md` says what follows from that.
 */
export class DriveTree {
  readonly #options: DriveTreeOptions;
  readonly #root: string;

  constructor(options: DriveTreeOptions) {
    this.#options = options;
    this.#root = options.folderId === "" ? "root" : options.folderId;
  }

  /** The files under a key, in all folders of this path: ours first, then the oldest. */
  async find(key: string): Promise<DriveFile[]> {
    const { folders, name } = splitKey(key);
    return await this.findIn(await this.#folders(folders), name);
  }

  /** The same in folders whose ids are known. */
  async findIn(parents: readonly string[], name: string): Promise<DriveFile[]> {
    if (parents.length === 0) return [];
    const found = await this.#list(parents, `name = ${quoted(name)}`);
    // the search knows no difference between upper and lower case
    const files = found.filter((file) => file.name === name && !file.mimeType.startsWith(OWN_TYPES));
    return files.toSorted((a, b) => Number(isOurs(b)) - Number(isOurs(a)) || byAge(a, b));
  }

  /** The id of the folder that a key is below; folders that are missing are made. */
  async folderFor(key: string): Promise<string> {
    let parent = this.#root;
    for (const name of splitKey(key).folders) parent = await this.#ensureFolder(parent, name);
    return parent;
  }

  /**
   * Keys of this service's files that begin with a prefix, which ends in a slash.
   *
   * @param limit the most keys that are returned
   */
  async list(prefix: string, limit: number): Promise<string[]> {
    const { folders } = splitKey(prefix);
    const waiting = (await this.#folders(folders)).map((id) => ({ id, path: prefix }));
    const keys: string[] = [];
    for (let next = waiting.shift(); next && keys.length < limit; next = waiting.shift()) {
      for (const child of await this.#list([next.id])) {
        const path = `${next.path}${child.name}`;
        if (child.mimeType === FOLDER_TYPE) waiting.push({ id: child.id, path: `${path}/` });
        else if (isOurs(child)) keys.push(path);
      }
    }
    return keys.slice(0, limit);
  }

  /** Facts of one file; null when it is not there (any more). */
  async get(id: string): Promise<DriveFile | null> {
    const { status, text } = await this.#call("GET", id, { fields: FILE_FIELDS }, { accept: [404] });
    return status === 404 ? null : DriveFile.parse(JSON.parse(text));
  }

  /**
   * Deletes a file for good. In a shared drive only managers may; the trash, which is emptied after 30 days, is for
   * everybody else.
   */
  async remove(id: string): Promise<void> {
    const refusedByRole = [403];
    const { status, text } = await this.#call("DELETE", id, {}, { accept: [404, ...refusedByRole] });
    if (status !== 403) return;
    if (!/insufficient(?:File|Parent)?Permissions/.test(text)) {
      await this.#call("DELETE", id, {}, { accept: [404] });
      return;
    }
    await this.#call("PATCH", id, {}, { accept: [404], body: { trashed: true } });
  }

  /** All folders of a path. */
  async #folders(names: readonly string[]): Promise<string[]> {
    let parents = [this.#root];
    for (const name of names) {
      if (parents.length === 0) break;
      parents = (await this.#foldersIn(parents, name)).map(({ id }) => id);
    }
    return parents;
  }

  /** The first of them is the one that everybody uses. */
  async #foldersIn(parents: readonly string[], name: string): Promise<DriveFile[]> {
    const found = await this.#list(parents, `name = ${quoted(name)} and mimeType = ${quoted(FOLDER_TYPE)}`);
    return found.filter((folder) => folder.name === name).toSorted(byAge);
  }

  /**
   * Drive makes a second folder of the same name without a word. So everybody who made one looks again: the oldest counts, and
   * those who lost remove their own, which is empty still.
   */
  async #ensureFolder(parent: string, name: string): Promise<string> {
    const [existing] = await this.#foldersIn([parent], name);
    if (existing) return existing.id;
    const body = { name, mimeType: FOLDER_TYPE, parents: [parent], properties: { [MARK.name]: MARK.folder } };
    const { text } = await this.#call("POST", "", { fields: FILE_FIELDS }, { body });
    const made = DriveFile.parse(JSON.parse(text));
    const [oldest = made] = await this.#foldersIn([parent], name);
    if (oldest.id !== made.id && (await this.#list([made.id])).length === 0) await this.remove(made.id);
    return oldest.id;
  }

  async #list(parents: readonly string[], condition?: string): Promise<DriveFile[]> {
    const within = parents.map((id) => `${quoted(id)} in parents`).join(" or ");
    const q = [`(${within})`, ...(condition ? [condition] : []), "trashed = false"].join(" and ");
    const found: DriveFile[] = [];
    for (let page: string | undefined = ""; page !== undefined; ) {
      const { text } = await this.#call("GET", "", {
        ...{ q, fields: `nextPageToken,files(${FILE_FIELDS})`, pageSize: PAGE_FILES },
        includeItemsFromAllDrives: "true",
        ...(page === "" ? {} : { pageToken: page }),
      });
      const { files, nextPageToken }: z.infer<typeof FileList> = FileList.parse(JSON.parse(text));
      found.push(...files);
      page = nextPageToken;
    }
    return found;
  }

  #call(
    method: DriveRequest["method"],
    path: string,
    query: Readonly<Record<string, string>>,
    more: Pick<DriveRequest, "body" | "accept"> = {},
  ) {
    const { endpoint, send } = this.#options;
    return send({ method, url: filesUrl(endpoint, path, query), ...more });
  }
}

function splitKey(key: string): { folders: string[]; name: string } {
  const segments = key.split("/");
  return { folders: segments.slice(0, -1).filter((segment) => segment !== ""), name: segments.at(-1) ?? "" };
}

const byAge = (a: DriveFile, b: DriveFile): number =>
  a.createdTime.localeCompare(b.createdTime) || a.id.localeCompare(b.id);
