import { execFile } from "node:child_process";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { FAR_ADDRESS } from "./long-line.ts";

/** Certificates that only this bench trusts, as PEM files. */
export interface Authority {
  /** Of the authority alone. */
  readonly root: string;
  /** Of the loopback servers. */
  readonly certificate: string;
  readonly key: string;
}

/** What programs on Linux trust, where Debian keeps it. */
export const SYSTEM_BUNDLE = "/etc/ssl/certs/ca-certificates.crt";

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"];

const filesIn = (folder: string): Authority => ({
  root: join(folder, "root.pem"),
  certificate: join(folder, "server.pem"),
  key: join(folder, "server.key"),
});

/** Makes an authority and a certificate for the loopback servers and the long line, P-256 as most sites have. */
export async function makeAuthority(folder: string): Promise<Authority> {
  const files = filesIn(folder);
  const rootKey = join(folder, "root.key");
  const openssl = (...args: string[]) => promisify(execFile)("openssl", args);
  await openssl(
    ...["req", "-x509", ...NEW_KEY, "-subj", "/CN=bench authority", "-keyout", rootKey, "-out", files.root],
    ...["-addext", "keyUsage=critical,keyCertSign,cRLSign"],
  );
  await openssl(
    ...[
      "req",
      "-x509",
      ...NEW_KEY,
      "-subj",
      "/CN=localhost",
      "-keyout",
      files.key,
      "-out",
      files.certificate,
    ],
    ...["-CA", files.root, "-CAkey", rootKey, "-addext", "basicConstraints=critical,CA:FALSE"],
    ...["-addext", `subjectAltName=IP:127.0.0.1,IP:${FAR_ADDRESS},DNS:localhost`],
  );
  return files;
}

/** Everything that this machine trusts, and the authority; for programs that read one bundle. */
export async function writeBundle(folder: string, { root }: Authority): Promise<string> {
  const bundle = join(folder, "bundle.pem");
  await copyFile(SYSTEM_BUNDLE, bundle);
  await writeFile(bundle, await readFile(root), { flag: "a" });
  return bundle;
}

/** The authority that {@link makeAuthority} made there. */
export const authorityIn = filesIn;
