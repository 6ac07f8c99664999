import { MAX_FILENAME_LENGTH } from "../../../schema/api/job-request.ts";
import { cutBytes, defaultFilename } from "../../../schema/storage/object-key.ts";
import { invalidMember } from "../../lib/api-error.ts";

/** What a template may name. */
export interface TemplateValues {
  readonly title: string | null;
  /** Epoch milliseconds. */
  readonly published_at: number | null;
  readonly episode: number;
  /** The id at its source, or a part of its key. */
  readonly id: string;
  readonly channel: string | null;
}

const NAMES = ["title", "date", "episode", "id", "channel"] as const;
type Name = (typeof NAMES)[number];
const PLACEHOLDER = /\{([^{}]{0,50})\}/g;
const MAX_FOLDER = 200;

/**
 * Checks a template.
 *
 * @throws ApiError `invalid_request` that names the placeholder or the character that is wrong
 */
export function requireTemplate(field: "filename" | "folder", template: string | null | undefined): void {
  if (template === undefined || template === null) return;
  for (const [, name = ""] of template.matchAll(PLACEHOLDER)) {
    if (!(NAMES as readonly string[]).includes(name)) {
      const known = NAMES.map((known) => `{${known}}`).join(", ");
      throw invalidMember(field, `has no placeholder {${name}}; there are ${known}`);
    }
  }
  const fixed = template.replace(PLACEHOLDER, "x");
  if (/[{}]/.test(fixed)) throw invalidMember(field, "has a brace without its counterpart");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
  if (/[\u0000-\u001f\u007f\\]/.test(fixed))
    throw invalidMember(field, "must not contain \\ or control characters");
  if (fixed.split("/").some((segment) => segment.trim() === ".."))
    throw invalidMember(field, "must not contain ..");
  if (field === "filename" && fixed.includes("/")) {
    throw invalidMember(field, "must not contain /; the template folder says where files go");
  }
  if (field === "folder" && fixed.startsWith("/")) throw invalidMember(field, "must not begin with /");
}

/** The name of a file, without extension. @example fileNameOf("{date} {title}", …) // "2026-11-24 A talk" */
export function fileNameOf(template: string, values: TemplateValues): string {
  const name = cleaned(filled(template, values));
  return cutBytes(name, MAX_FILENAME_LENGTH - 55).trim() || "media";
}

/** The folder of a file; a value never adds a level. @example folderOf("shows/{channel}", …) // "shows/A show" */
export function folderOf(template: string, values: TemplateValues): string {
  const folder = template
    .split("/")
    .map((segment) => cleaned(filled(segment, values)))
    .filter((segment) => segment !== "")
    .join("/");
  return cutBytes(folder, MAX_FOLDER).trim();
}

/** Removes what paths, shells and Windows refuse. */
const cleaned = (text: string): string => (text.trim() === "" ? "" : defaultFilename(text, ""));

const filled = (template: string, values: TemplateValues): string =>
  template.replace(PLACEHOLDER, (whole, name: string) =>
    (NAMES as readonly string[]).includes(name) ? textOf(name as Name, values) : whole,
  );

function textOf(name: Name, { title, published_at, episode, id, channel }: TemplateValues): string {
  switch (name) {
    case "title":
      return title ?? "untitled";
    case "date":
      return published_at === null ? "undated" : new Date(published_at).toISOString().slice(0, 10);
    case "episode":
      return String(episode).padStart(3, "0");
    case "id":
      return id;
    case "channel":
      return channel ?? "unknown";
  }
}
