import type { DeploySettings } from "./settings.ts";

/** A configuration of wrangler as it is written, as far as it is changed here. */
export interface RawConfig {
  readonly [member: string]: unknown;
  readonly name?: string;
  readonly queues?: {
    readonly producers?: readonly { readonly binding: string; readonly queue: string }[];
    readonly consumers?: readonly { readonly queue: string }[];
  };
  readonly d1_databases?: readonly Readonly<Record<string, unknown>>[];
  readonly r2_buckets?: readonly Readonly<Record<string, unknown>>[];
}

/** The names of what a deployment consists of. */
export interface ResourceNames {
  readonly database: string;
  readonly bucket: string;
  readonly queues: readonly string[];
}

/** The name that `wrangler.toml` gives everything; a deployment's own takes its place. */
const TRACKED_NAME = "waterspout";
const renamed = (name: string, to: string): string => `${to}${name.slice(TRACKED_NAME.length)}`;

/** Where messages go that failed as often as they may: they are kept to be looked at, and lost otherwise. */
const deadLetterOf = (queue: string): string => `${queue}-dead`;

/** The names in a deployment. */
export function resourceNames({ queues }: RawConfig, { name, vars }: DeploySettings): ResourceNames {
  const consumed = (queues?.consumers ?? []).map(({ queue }) => renamed(queue, name));
  return {
    database: name,
    bucket: vars.R2_BUCKET ?? name,
    queues: [...consumed.map(deadLetterOf), ...consumed],
  };
}

/** `wrangler.toml` with what the operator decided; its paths mean the same, since it lies next to that file. */
export function deployConfig(raw: RawConfig, settings: DeploySettings, databaseId: string): RawConfig {
  const { name, vars, domain, jurisdiction } = settings;
  const { dev: _local, ...deployed } = raw;
  const names = resourceNames(raw, settings);
  return {
    ...deployed,
    name,
    vars: { ...(raw.vars as object), ...vars },
    d1_databases: (raw.d1_databases ?? []).map((database) => ({
      ...database,
      database_name: names.database,
      database_id: databaseId,
    })),
    r2_buckets: (raw.r2_buckets ?? []).map((bucket) => ({
      ...bucket,
      bucket_name: names.bucket,
      ...(jurisdiction !== null && { jurisdiction }),
    })),
    queues: {
      producers: (raw.queues?.producers ?? []).map((producer) => ({
        ...producer,
        queue: renamed(producer.queue, name),
      })),
      consumers: (raw.queues?.consumers ?? []).map((consumer) => ({
        ...consumer,
        queue: renamed(consumer.queue, name),
        dead_letter_queue: deadLetterOf(renamed(consumer.queue, name)),
      })),
    },
    ...(domain !== null && { routes: [{ pattern: domain, custom_domain: true }], workers_dev: false }),
  };
}
