import type { z } from "zod";
import { shownText } from "../shown-url.ts";
import { nearestName } from "./nearest-name.ts";

/** A member of a body that its schema does not know. */
export interface UnknownMember {
  /** Dotted. @example "storage.acess_key" */
  readonly path: string;
  /** Dotted path of the known member that was probably meant; null when none is near. @example "storage.access_key" */
  readonly suggestion: string | null;
}

/** Maximum number of members that are named: a body may hold thousands. */
export const MAX_UNKNOWN_MEMBERS = 20;
/** Longer names are cut, in characters. */
const MAX_NAME_LENGTH = 60;

/**
 * The members of a body that its schema drops in silence, at any depth and in the body's order. A wrong type is
 * left to the schema.
 *
 * @example unknownMembers(AccountChange, { max_concurrent_jobs: 1 })
 *   // [{ path: "max_concurrent_jobs", suggestion: "limits.max_concurrent_jobs" }]
 */
export function unknownMembers(schema: z.core.$ZodType, sent: unknown): UnknownMember[] {
  const found: UnknownMember[] = [];
  walk(schema, { sent, tagged: sent, path: "" }, found);
  return found;
}

interface Place {
  readonly sent: unknown;
  /** The value after preprocessing, which decides which alternative of a union was meant. */
  readonly tagged: unknown;
  readonly path: string;
}

function walk(schema: z.core.$ZodType, place: Place, found: UnknownMember[]): void {
  if (found.length >= MAX_UNKNOWN_MEMBERS) return;
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case "object":
      walkObject(def, place, found);
      break;
    case "array":
      for (const [index, sent] of Array.isArray(place.sent) ? place.sent.entries() : []) {
        walk(def.element, { sent, tagged: sent, path: join(place.path, String(index)) }, found);
      }
      break;
    case "optional":
    case "nullable":
    case "default":
    case "prefault":
    case "nonoptional":
    case "readonly":
    case "catch":
      walk(def.innerType, place, found);
      break;
    case "pipe": {
      const before = preprocessing(def.in);
      if (before) walk(def.out, { ...place, tagged: before(place.tagged) }, found);
      else walk(def.in, place, found);
      break;
    }
    case "union": {
      const option = optionFor(def, place.tagged);
      if (option) walk(option, place, found);
    }
  }
}

function walkObject(
  { shape, catchall }: z.core.$ZodObjectDef,
  { sent, path }: Place,
  found: UnknownMember[],
): void {
  if (!isRecord(sent) || takesAnything(catchall)) return;
  for (const [name, member] of Object.entries(sent)) {
    if (found.length >= MAX_UNKNOWN_MEMBERS) return;
    const schema = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (schema) {
      walk(schema, { sent: member, tagged: member, path: join(path, name) }, found);
      continue;
    }
    const suggestion = nearestName(name, candidatesOf(shape));
    found.push({
      path: join(path, shorten(name)),
      suggestion: suggestion === null ? null : join(path, suggestion),
    });
  }
}

/** Candidates, each with the path to suggest: the object's members, their members, and the names of alternatives. */
function candidatesOf(shape: z.core.$ZodShape): Map<string, string> {
  const candidates = new Map<string, string>();
  const add = (name: string, path: string) => {
    if (!candidates.has(name)) candidates.set(name, path);
  };
  for (const name of Object.keys(shape)) add(name, name);
  for (const [name, schema] of Object.entries(shape)) {
    for (const inner of objectsOf(schema)) {
      // a member that is named after an alternative: { "s3": … } for { "storage": { "provider": "s3" } }
      for (const literal of Object.values(inner).flatMap(literalsOf)) add(literal, name);
      for (const innerName of Object.keys(inner)) add(innerName, `${name}.${innerName}`);
    }
  }
  return candidates;
}

/** The shapes that a member's value may have, when it is an object. */
function objectsOf(schema: z.core.$ZodType): z.core.$ZodShape[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case "object":
      return [def.shape];
    case "optional":
    case "nullable":
    case "default":
      return objectsOf(def.innerType);
    case "pipe":
      return objectsOf(preprocessing(def.in) ? def.out : def.in);
    case "union":
      return def.options.flatMap(objectsOf);
    default:
      return [];
  }
}

function literalsOf(schema: z.core.$ZodType): string[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  return def.type === "literal" ? def.values.filter((value) => typeof value === "string") : [];
}

/** The alternative that a value belongs to by its discriminator. */
function optionFor(def: z.core.$ZodUnionDef, value: unknown): z.core.$ZodType | undefined {
  if (!("discriminator" in def) || typeof def.discriminator !== "string" || !isRecord(value)) {
    return undefined;
  }
  const tag = value[def.discriminator];
  return def.options.find((option) =>
    objectsOf(option).some((shape) => {
      const literal = shape[String(def.discriminator)];
      return literal !== undefined && literalsOf(literal).some((known) => known === tag);
    }),
  );
}

/** What `z.preprocess` does to a value before its schema sees it. */
function preprocessing(schema: z.core.$ZodType): ((value: unknown) => unknown) | null {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if (def.type !== "transform") return null;
  const change = def.transform as (value: unknown) => unknown;
  return (value) => {
    try {
      return change(value);
    } catch {
      return value;
    }
  };
}

function takesAnything(catchall: z.core.$ZodType | undefined): boolean {
  return catchall !== undefined && (catchall as z.core.$ZodTypes)._zod.def.type !== "never";
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const join = (path: string, name: string): string => (path === "" ? name : `${path}.${name}`);

/** A name that is a URL was a value in the wrong place, with what it may hold. */
const shorten = (name: string): string => {
  const shown = shownText(name);
  return (shown.length > MAX_NAME_LENGTH ? `${shown.slice(0, MAX_NAME_LENGTH)}…` : shown).toWellFormed();
};
