import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import {
  BlobServiceClient,
  ContainerSASPermissions,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
} from "@azure/storage-blob";
import { type AzuriteFront, startAzuriteFront } from "./azurite-front.ts";

/** Microsoft's emulator of Azure Blob Storage. */
export interface Azurite {
  /** The endpoint of the account. */
  readonly endpoint: string;
  readonly accountName: string;
  readonly accountKey: string;
  readonly container: string;
  /** A signature for the container, without a leading `?`. @param permissions @example "rcwd" */
  sasToken(permissions: string, expiresOn?: Date): string;
  /** Keys of blobs with uncommitted blocks. */
  unfinished(): Promise<string[]>;
  close(): Promise<void>;
}

/** Starts the emulator with a new folder and account. */
export async function startAzurite(): Promise<Azurite> {
  const folder = await mkdtemp(join(tmpdir(), "azurite-"));
  const accountName = "account1";
  const accountKey = randomBytes(64).toString("base64");
  const child = spawn(
    process.execPath,
    [
      createRequire(import.meta.url).resolve("azurite/dist/src/blob/main.js"),
      ...["--blobHost", "127.0.0.1", "--blobPort", "0", "--location", folder],
      ...["--silent", "--skipApiVersionCheck", "--disableTelemetry"],
    ],
    {
      env: { ...process.env, AZURITE_ACCOUNTS: `${accountName}:${accountKey}` },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  let front: AzuriteFront | null = null;
  const close = async () => {
    await front?.close();
    await stop(child);
    await rm(folder, { recursive: true, force: true });
  };
  const address = await listening(child).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const container = "media";
  const credential = new StorageSharedKeyCredential(accountName, accountKey);
  const own = `${address}/${accountName}`;
  const client = new BlobServiceClient(own, credential).getContainerClient(container);
  await client.create();
  front = await startAzuriteFront(address, client);
  const endpoint = `${front.origin}/${accountName}`;
  return {
    ...{ endpoint, accountName, accountKey, container, close },
    sasToken: (permissions, expiresOn = new Date(Date.now() + 3_600_000)) =>
      generateBlobSASQueryParameters(
        { containerName: container, permissions: ContainerSASPermissions.parse(permissions), expiresOn },
        credential,
      ).toString(),
    async unfinished() {
      const keys: string[] = [];
      for await (const { name } of client.listBlobsFlat({ includeUncommitedBlobs: true })) {
        const { uncommittedBlocks } = await client.getBlockBlobClient(name).getBlockList("uncommitted");
        if (uncommittedBlocks?.length) keys.push(name);
      }
      return keys;
    },
  };
}

/** The address that the emulator reports. */
function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    if (!child.stdout) return reject(new Error("azurite has no output"));
    const lines = createInterface({ input: child.stdout });
    lines.on("line", (line) => {
      const address = /successfully listens on (http:\S+)/.exec(line)?.[1];
      if (address) resolve(address);
    });
    child.once("exit", (code) => reject(new Error(`azurite ended with ${code}`)));
    child.once("error", reject);
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}
