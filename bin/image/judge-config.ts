import { StackError } from "../stack/errors.ts";
import type { ImageConfig } from "./engine.ts";

/** What registries and operators read. */
const LABELS = ["title", "description", "licenses", "version"].map(
  (name) => `org.opencontainers.image.${name}`,
);

/** @throws StackError when an image lacks what operators rely on */
export function judgeConfig(tag: string, { User, Labels, Healthcheck, Entrypoint }: ImageConfig): void {
  const faults = [
    ...(User === "" || /^(root|0)(:|$)/.test(User) ? ["its user is root"] : []),
    ...LABELS.filter((label) => !Labels?.[label]).map((label) => `it has no label ${label}`),
    ...(Healthcheck?.Test?.length ? [] : ["it has no health check"]),
    ...(Entrypoint?.[0] === "tini" ? [] : ["nothing in it passes signals on and reaps processes"]),
  ];
  if (faults.length > 0) throw new StackError(`The image ${tag} is wrong: ${faults.join("; ")}.`);
}
