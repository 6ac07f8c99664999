import { escapeHtml } from "./escape-html.ts";

/** The parts of a JSON Schema that are shown. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
}

const nameOf = (ref: string): string => ref.split("/").at(-1) ?? "";
const variantsOf = ({ anyOf, oneOf }: Schema): readonly Schema[] | undefined => anyOf ?? oneOf;

/** A table of the members of an object; for alternatives, one table for each. */
export function membersTable(schema: Schema): string {
  const variants = variantsOf(schema);
  if (variants) {
    return variants
      .map((variant) => {
        const tag = Object.values(variant.properties ?? {}).find((member) => member.const !== undefined);
        const title = tag
          ? `<p class="variant"><code>${escapeHtml(JSON.stringify(tag.const))}</code></p>`
          : "";
        return title + (variant.$ref ? `<p>${typeHtml(variant)}</p>` : membersTable(variant));
      })
      .join("\n");
  }
  const { properties = {}, required = [] } = schema;
  const rows = Object.entries(properties).map(([name, member]) => memberRow(name, member, required));
  if (rows.length === 0) return "";
  return `<dl class="members">${rows.join("\n")}</dl>`;
}

function memberRow(name: string, member: Schema, required: readonly string[]): string {
  const must = required.includes(name) ? ' <span class="must">required</span>' : "";
  const nested = nestedObject(member);
  const inner = nested ? `<details><summary>Members</summary>${membersTable(nested)}</details>` : "";
  const text = member.description ? inlineText(member.description) : "";
  return `<div><dt><code>${escapeHtml(name)}</code> <span class="type">${typeHtml(member)}</span>${must}</dt><dd>${text}${rangeHtml(member)}${inner}</dd></div>`;
}

/** An object without a name of its own, also as the entry of a list. */
function nestedObject(schema: Schema): Schema | undefined {
  if (schema.properties) return schema;
  if (schema.items) return nestedObject(schema.items);
  return variantsOf(schema)?.find((variant) => variant.properties);
}

/** The type in words, with links to objects that have a name. */
export function typeHtml(schema: Schema): string {
  if (schema.$ref) {
    const name = nameOf(schema.$ref);
    return `<a href="#schema-${name}">${name}</a>`;
  }
  const variants = variantsOf(schema);
  if (variants) return [...new Set(variants.map(typeHtml))].join(" or ");
  if (schema.const !== undefined) return `<code>${escapeHtml(JSON.stringify(schema.const))}</code>`;
  if (schema.enum) return schema.enum.map((value) => `<code>${escapeHtml(String(value))}</code>`).join(" ");
  if (schema.type === "array") return `list of ${schema.items ? typeHtml(schema.items) : "values"}`;
  return [schema.type ?? "any"].flat().join(" or ");
}

function rangeHtml(schema: Schema): string {
  const { minimum, maximum, maxLength, maxItems } = schema;
  const shown = (value: number | undefined) => value !== undefined && Math.abs(value) < 2 ** 53 - 1;
  const facts = [
    ...(shown(minimum) && shown(maximum) ? [`${minimum} to ${maximum?.toLocaleString("en")}`] : []),
    ...(maxLength ? [`at most ${maxLength.toLocaleString("en")} characters`] : []),
    ...(maxItems ? [`at most ${maxItems.toLocaleString("en")} entries`] : []),
    ...(schema.default === undefined
      ? []
      : [`default <code>${escapeHtml(JSON.stringify(schema.default))}</code>`]),
  ];
  return facts.length > 0 ? ` <span class="range">${facts.join(", ")}</span>` : "";
}

/** A sentence with its words of code. */
export const inlineText = (text: string): string =>
  escapeHtml(text).replaceAll(/`([^`]+)`/g, "<code>$1</code>");
