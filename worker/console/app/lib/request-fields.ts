import { z } from "zod";
import { FORMATS } from "../../../../schema/containers.ts";
import { RESOLUTIONS } from "../../../../schema/media.ts";

/** How a member of a request is entered. */
export interface Field {
  readonly name: string;
  readonly kind: "choice" | "flag" | "integer" | "text" | "list" | "pairs";
  readonly choices: readonly string[];
  readonly isRequired: boolean;
  readonly isSecret: boolean;
  readonly min?: number;
  readonly max?: number;
  /** What the schema says about it, in English. */
  readonly description: string;
}

/** What the JSON schema of a member says, as far as it is used. */
interface MemberSchema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Values that the schema takes as free text because it accepts more forms of them. */
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  format: FORMATS,
  max_resolution: ["best", ...RESOLUTIONS.map(String)],
  min_resolution: RESOLUTIONS.map(String),
  resolution: RESOLUTIONS.map(String),
};

const SECRETS = /secret|_key$|sas_token|service_account|session_token/;

/** The fields of a form for the members of a request's schema. */
export const fieldsOf = (members: Readonly<Record<string, z.ZodType>>): Field[] =>
  Object.entries(members).map(([name, schema]) => {
    const member = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as MemberSchema;
    const choices = CHOICES[name] ?? member.enum?.map(String) ?? [];
    return {
      name,
      kind: kindOf(member, choices),
      choices,
      isRequired: !schema.safeParse(undefined).success,
      isSecret: SECRETS.test(name) && !/_id$/.test(name),
      ...(member.minimum !== undefined && { min: member.minimum }),
      ...(member.maximum !== undefined && { max: member.maximum }),
      description: schema.meta()?.description ?? "",
    };
  });

function kindOf({ type }: MemberSchema, choices: readonly string[]): Field["kind"] {
  if (choices.length > 0) return "choice";
  switch (type) {
    case "boolean":
      return "flag";
    case "integer":
    case "number":
      return "integer";
    case "array":
      return "list";
    case "object":
      return "pairs";
    default:
      return "text";
  }
}

/** What a person entered, by the name of the field; an empty text counts as missing. */
export type Entered = Readonly<Record<string, string | boolean>>;

/** The request of what was entered: only fields that were filled in. */
export function bodyOf(fields: readonly Field[], entered: Entered): Record<string, unknown> {
  const pairs = fields.flatMap(({ name, kind }): [string, unknown][] => {
    const value = entered[name];
    if (value === undefined || value === "" || value === false) return [];
    if (typeof value === "boolean") return [[name, value]];
    return [[name, parsed(kind, value)]];
  });
  return Object.fromEntries(pairs);
}

function parsed(kind: Field["kind"], text: string): unknown {
  switch (kind) {
    case "integer":
      return Number.isNaN(Number(text)) ? text : Number(text);
    case "list":
      return text.split(",").flatMap((item) => item.trim() || []);
    case "pairs":
      return Object.fromEntries(
        text.split("\n").flatMap((line) => {
          const [key = "", ...value] = line.split("=");
          return key.trim() === "" ? [] : [[key.trim(), value.join("=").trim()]];
        }),
      );
    default:
      return text;
  }
}

/** Sentences about what a schema refuses, by the first name of their path. */
export function problemsOf(schema: z.ZodType, body: unknown): Record<string, string> {
  const { error } = schema.safeParse(body);
  return Object.fromEntries(
    (error?.issues ?? []).map(({ path, message }) => [path.map(String).join("."), message]).reverse(),
  );
}
