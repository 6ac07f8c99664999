import { createHash, randomUUID } from "node:crypto";
import { parseQuery } from "./drive-query.ts";
import { DriveRefusedError, notFound } from "./drive-refusal.ts";

export const FOLDER = "application/vnd.google-apps.folder";

export interface StoredFile {
  readonly id: string;
  name: string;
  mimeType: string;
  parents: string[];
  properties: Record<string, string>;
  readonly createdTime: string;
  trashed: boolean;
  /** Null for folders. */
  content: Buffer | null;
  /** The shared drive that it is in; null for My Drive. */
  readonly driveId: string | null;
  readonly isPublic: boolean;
  shared: boolean;
}

/** What the service account may do in a shared drive. */
export type Role = "reader" | "contentManager" | "manager";

export interface Metadata {
  readonly name?: string;
  readonly mimeType?: string;
  readonly parents?: readonly string[];
  readonly properties?: Record<string, string>;
  readonly trashed?: boolean;
}

/** The file tree of the double: ids, any number of equal names, a quota, roles. */
export class DriveFiles {
  readonly #files = new Map<string, StoredFile>();
  readonly #roles = new Map<string, Role>();
  /** Bytes that the service account may own outside shared drives; Google gives new accounts none. */
  ownQuotaBytes = 0;

  constructor() {
    // the root of the service account's own Drive
    this.#add("root", { name: "My Drive", mimeType: FOLDER }, { driveId: null });
  }

  /** Adds a folder that somebody shared with the account, at the top of a shared drive or in somebody's My Drive. */
  share(id: string, role: Role | null, { isPublic = false } = {}): void {
    const driveId = role === null ? null : id;
    this.#add(id, { name: id, mimeType: FOLDER }, { driveId, isPublic });
    if (role !== null) this.#roles.set(id, role);
  }

  get all(): readonly StoredFile[] {
    return [...this.#files.values()].filter(({ trashed }) => !trashed);
  }

  /** @throws DriveRefusedError for an unknown id, or one that only `supportsAllDrives` shows */
  get(id: string, query: URLSearchParams): StoredFile {
    const file = this.#files.get(id);
    const isHidden = file?.driveId != null && query.get("supportsAllDrives") !== "true";
    if (!file || isHidden) throw notFound(id);
    return file;
  }

  list(query: URLSearchParams): { files: StoredFile[]; nextPageToken?: string } {
    const { parents, name, mimeType } = parseQuery(query.get("q") ?? "");
    for (const id of parents) if (!this.#files.has(id)) throw notFound(".");
    const showsShared =
      query.get("includeItemsFromAllDrives") === "true" && query.get("supportsAllDrives") === "true";
    const found = this.all.filter(
      (file) =>
        file.parents.some((id) => parents.includes(id)) &&
        (file.driveId === null || showsShared) &&
        // Drive's search ignores case
        (name === undefined || file.name.toLowerCase() === name.toLowerCase()) &&
        (mimeType === undefined || file.mimeType === mimeType),
    );
    const at = Number(query.get("pageToken") ?? 0);
    const end = at + Math.min(1000, Number(query.get("pageSize") ?? 100));
    // the newest first, so that no test relies on an order that was not requested
    const files = found.toReversed().slice(at, end);
    return { files, ...(end < found.length ? { nextPageToken: String(end) } : {}) };
  }

  /** Refuses what may not be created. */
  check(metadata: Metadata, query: URLSearchParams, bytes: number): StoredFile {
    const parent = this.get(metadata.parents?.[0] ?? "root", query);
    if ((metadata.parents?.length ?? 0) > 1) throw new DriveRefusedError(400, "invalid", "Too many parents.");
    this.#checkRole(parent);
    if (parent.driveId === null && this.#ownBytes() + bytes > this.ownQuotaBytes) {
      throw new DriveRefusedError(403, "storageQuotaExceeded", "Service Accounts do not have storage quota.");
    }
    return parent;
  }

  create(metadata: Metadata, query: URLSearchParams, content: Buffer | null): StoredFile {
    const parent = this.check(metadata, query, content?.length ?? 0);
    checkProperties(metadata);
    const { driveId, isPublic } = parent;
    return this.#add(randomUUID(), metadata, { driveId, isPublic, content, parents: [parent.id] });
  }

  /** A second file with the same content; it has no properties of the first one. */
  copy(id: string, metadata: Metadata, query: URLSearchParams): StoredFile {
    const { content, mimeType, name } = this.get(id, query);
    if (content === null) {
      throw new DriveRefusedError(403, "cannotCopyFile", "This file cannot be copied by the user.");
    }
    return this.create({ mimeType, name: `Copy of ${name}`, ...metadata }, query, content);
  }

  update(id: string, metadata: Metadata, query: URLSearchParams, content?: Buffer): StoredFile {
    const file = this.get(id, query);
    this.#checkRole(file);
    if (metadata.parents)
      throw new DriveRefusedError(
        403,
        "fieldNotWritable",
        "The resource body includes fields which are not directly writable.",
      );
    checkProperties(metadata);
    file.name = metadata.name ?? file.name;
    file.mimeType = metadata.mimeType ?? file.mimeType;
    file.properties = { ...file.properties, ...metadata.properties };
    file.trashed = metadata.trashed ?? file.trashed;
    if (content) file.content = content;
    return file;
  }

  delete(id: string, query: URLSearchParams): void {
    const file = this.get(id, query);
    // content managers of a shared drive may only use the trash
    if (file.driveId !== null && this.#roles.get(file.driveId) !== "manager") throw insufficient();
    this.#files.delete(id);
    for (const child of this.all.filter(({ parents }) => parents.includes(id))) this.#files.delete(child.id);
  }

  /** @returns the files under a path below a folder, in all folders of that path */
  under(root: string, key: string): StoredFile[] {
    const names = key.split("/");
    let found = this.all.filter(({ id }) => id === root);
    for (const name of names) {
      const ids = found.map(({ id }) => id);
      found = this.all.filter((file) => file.name === name && file.parents.some((id) => ids.includes(id)));
    }
    return found;
  }

  #ownBytes(): number {
    const own = this.all.filter(({ driveId }) => driveId === null);
    return own.reduce((sum, { content }) => sum + (content?.length ?? 0), 0);
  }

  #checkRole({ driveId }: StoredFile): void {
    if (driveId !== null && this.#roles.get(driveId) === "reader") throw insufficient();
  }

  #add(
    id: string,
    { name = "Untitled", mimeType = "application/octet-stream", properties = {} }: Metadata,
    facts: Pick<StoredFile, "driveId"> & Partial<StoredFile>,
  ): StoredFile {
    const file: StoredFile = {
      ...{ id, name, mimeType, properties, trashed: false, parents: [], content: null },
      ...{ createdTime: new Date().toISOString(), isPublic: false, shared: false },
      ...facts,
    };
    this.#files.set(id, file);
    return file;
  }
}

/** A file as Drive shows it, with the requested fields and no others. */
export function shown(file: StoredFile, fields: readonly string[], origin: string): object {
  const { id, name, mimeType, parents, properties, createdTime, content, trashed } = file;
  const all: Record<string, unknown> = {
    ...{ kind: "drive#file", id, name, mimeType, parents, properties, createdTime, trashed },
    ...(content === null
      ? {}
      : {
          size: String(content.length),
          md5Checksum: createHash("md5").update(content).digest("hex"),
          sha256Checksum: createHash("sha256").update(content).digest("hex"),
          webContentLink: `${origin}/uc?id=${id}&export=download`,
        }),
  };
  return Object.fromEntries(Object.entries(all).filter(([field]) => fields.includes(field)));
}

/** What Drive returns about a file when no fields are requested. */
export const DEFAULT_FIELDS = ["kind", "id", "name", "mimeType"];

const insufficient = () =>
  new DriveRefusedError(
    403,
    "insufficientFilePermissions",
    "The user does not have sufficient permissions for this file.",
  );

function checkProperties({ properties = {} }: Metadata): void {
  const tooLong = Object.entries(properties).some(([name, value]) => Buffer.byteLength(name + value) > 124);
  if (tooLong) throw new DriveRefusedError(400, "propertyTooLarge", "A property is too large.");
}
