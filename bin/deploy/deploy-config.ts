import type { DeploySettings } from "./settings.ts";

/** The part of wrangler's configuration that is changed here. */
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

/** The names of the parts of a deployment. */
export interface ResourceNames {
  readonly database: string;
  readonly bucket: string;
  readonly queues: readonly string[];
}

/** The name of everything in `wrangler.toml`; the deployment's own name replaces it. */
const TRACKED_NAME = "waterspout";
const renamed = (name: string, to: string): string => `${to}${name.slice(TRACKED_NAME.length)}`;

/** Where messages go that failed too often, so that an operator can look at them; otherwise they would be lost. */
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

/** `wrangler.toml` with the operator's settings; it is next to that file, so relative paths stay the same. */
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
