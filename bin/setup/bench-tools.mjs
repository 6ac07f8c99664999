import { aptCanInstall, installWithApt } from "./apt.mjs";
import { findOnPath } from "./paths.mjs";
import { progress, SetupError } from "./report.mjs";

/** What the benches compare with, and the server that they read from: program and Debian package. */
const TOOLS = [
  ["rclone", "rclone"],
  ["aria2c", "aria2"],
  ["curl", "curl"],
  ["aws", "awscli"],
  ["nginx", "nginx-light"],
  ["openssl", "openssl"],
];

/** Installs what the benches can use. They leave out what is missing and say so, so that a failure is no error. */
export function installBenchTools() {
  const missing = TOOLS.filter(([program = ""]) => findOnPath(program) === null).map(([, name = ""]) => name);
  if (missing.length === 0 || !aptCanInstall()) return;
  progress(`installing ${missing.join(", ")} for the comparison …`);
  try {
    installWithApt(missing);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    progress(`${error.message} The bench leaves them out.`);
  }
}
