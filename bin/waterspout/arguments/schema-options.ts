import { z } from "zod";
import type { Args, Option, Options } from "./args.ts";
import { readJsonFile } from "./read-file.ts";

/** Members of a request by name. */
type Shape = Readonly<Record<string, z.ZodType>>;

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly string[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly description?: string;
  readonly $ref?: string;
}

/** @example flagOf("max_resolution") // "max-resolution" */
const flagOf = (member: string) => member.replaceAll("_", "-");

const jsonSchemaOf = (schema: z.ZodType) =>
  z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;

const typesOf = (schema: JsonSchema): string[] => [
  ...(schema.type === undefined ? [] : [schema.type].flat()),
  ...[...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap(typesOf),
];

/** An option for each member of a request, as its schemas describe them. */
export const optionsOf = (shape: Shape): Options =>
  Object.fromEntries(
    Object.entries(shape).map(([member, schema]) => [flagOf(member), optionOf(member, jsonSchemaOf(schema))]),
  );

function optionOf(member: string, schema: JsonSchema): Option {
  const types = typesOf(schema);
  const help = schema.description ?? `Sets ${member}`;
  if (types.includes("boolean")) return { help };
  if (schema.enum) return { value: schema.enum.join("|"), help };
  if (types.includes("null")) return { value: "N|none", help };
  if (types.includes("integer")) return { value: "N", help };
  if (types.includes("array")) return { value: "A,B", help };
  if (types.includes("string")) return { value: "TEXT", help };
  return { value: "FILE", help: `${help}; a JSON file` };
}

/**
 * The members that the options set, as JSON. The API checks whether they are valid.
 *
 * @throws CommandError if a file cannot be read
 */
export function membersOf(shape: Shape, args: Args): Record<string, unknown> {
  const given = Object.entries(shape).flatMap(([member, schema]) => {
    const flag = flagOf(member);
    if (args.flag(flag)) return [[member, true]];
    const text = args.text(flag);
    return text === undefined ? [] : [[member, parseValue(typesOf(jsonSchemaOf(schema)), text)]];
  });
  return Object.fromEntries(given);
}

function parseValue(types: readonly string[], text: string): unknown {
  if (types.includes("null") && text === "none") return null;
  if (types.includes("array")) return text.split(",").map((part) => part.trim());
  if (types.includes("string")) return text;
  if (types.includes("integer"))
    return text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text);
  return readJsonFile(text);
}
