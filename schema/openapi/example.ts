import type { Json } from "./json.ts";

/** Parts of a JSON Schema that an example is made from. */
interface Schema {
  readonly $ref?: string;
  readonly example?: unknown;
  readonly const?: unknown;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly type?: string | readonly string[];
  readonly nullable?: boolean;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
  readonly items?: Schema;
  readonly minimum?: number;
}

/**
 * An example of a schema: the values that are given, and for the other required members the schema's own examples, null
 * where it is allowed, or the simplest value of the type.
 *
 * @param given the part of the example that matters; arrays and objects are filled in member by member
 * @param components schemas that `$ref` points to, by name
 * @example exampleOf({ type: "object", properties: { id: { type: "integer" } }, required: ["id"] }, {}, {}) // { id: 0 }
 */
export function exampleOf(schema: Schema, given: unknown, components: Json): unknown {
  const at = (inner: Schema, value: unknown) => exampleOf(inner, value, components);
  if (schema.$ref) return at(components[schema.$ref.split("/").at(-1) ?? ""] as Schema, given);
  const variants = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (variants) return ofVariants(variants, given, components, schema.example);
  if (schema.properties && isObject(given)) return ofMembers(schema, given, at);
  if (Array.isArray(given) && schema.items) {
    const { items } = schema;
    return given.map((value) => at(items, value));
  }
  if (given !== undefined) return given;
  return simplest(schema, at);
}

function ofVariants(
  variants: readonly Schema[],
  given: unknown,
  components: Json,
  example: unknown,
): unknown {
  if (given === null) return null;
  if (given === undefined && example !== undefined) return example;
  const resolved = variants.map(({ $ref, ...rest }) =>
    $ref ? (components[$ref.split("/").at(-1) ?? ""] as Schema) : rest,
  );
  const holding = isObject(given)
    ? resolved.find(({ properties = {} }) => Object.keys(given).every((name) => name in properties))
    : undefined;
  if (holding) return exampleOf(holding, given, components);
  const nullable = resolved.some(({ type }) => type === "null");
  const own = resolved.find((variant) => variant.example !== undefined);
  if (given === undefined && nullable && !own) return null;
  const some = own ?? resolved.find(({ type }) => type !== "null") ?? {};
  return exampleOf(some, given, components);
}

function ofMembers(
  { properties = {}, required = [], additionalProperties }: Schema,
  given: Readonly<Record<string, unknown>>,
  at: (schema: Schema, value: unknown) => unknown,
): Json {
  const named = Object.entries(properties).filter(([name]) => name in given || required.includes(name));
  const members = named.map(([name, schema]) => [name, at(schema, given[name])]);
  const others = additionalProperties === false ? {} : unknownMembers(given, properties);
  return { ...Object.fromEntries(members), ...others };
}

const unknownMembers = (given: Readonly<Record<string, unknown>>, properties: object) =>
  Object.fromEntries(Object.entries(given).filter(([name]) => !(name in properties)));

function simplest(schema: Schema, at: (schema: Schema, value: unknown) => unknown): unknown {
  if (schema.example !== undefined) return schema.example;
  if (schema.const !== undefined) return schema.const;
  if (schema.default !== undefined) return schema.default;
  if (schema.enum) return schema.enum[0];
  if (schema.nullable || (Array.isArray(schema.type) && schema.type.includes("null"))) return null;
  switch (schema.type) {
    case "object":
      return ofMembers(schema, {}, at);
    case "array":
      return [];
    case "boolean":
      return false;
    case "integer":
    case "number":
      return schema.minimum ?? 0;
    case "null":
      return null;
    default:
      return "text";
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
