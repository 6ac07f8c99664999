import type { z } from "zod";
import type { Endpoint } from "../api/endpoint.ts";
import type { endpoints } from "../api/endpoints.ts";

type Called = typeof endpoints;
type Name = keyof Called;
type Part<E, Member extends string> = E extends Record<Member, infer Found> ? Found : never;
type ResponseRows<E extends Endpoint> = E["responses"][keyof E["responses"]];

/** Also allows numbers where the query is a string of digits. */
type QueryInput<Q> = { readonly [K in keyof Q]: string extends Q[K] ? Q[K] | number : Q[K] };

/** Options of every call. */
export interface CallOptions {
  /** Aborts the call, including its wait for another try. */
  readonly signal?: AbortSignal | undefined;
  /** For routes that accept one; default: a random key for each call, the same for all its tries. */
  readonly idempotencyKey?: string | undefined;
}

/** What a schema accepts; preprocessed schemas accept anything. */
type Sent<S extends z.ZodType> = S extends z.ZodPreprocess<infer Inner> ? z.input<Inner> : z.input<S>;

type ParamsOf<E> = E extends { params: infer P extends z.ZodType }
  ? { readonly params: z.input<P> }
  : unknown;
type QueryOf<E> = E extends { query: infer Q extends z.ZodType }
  ? { readonly query?: QueryInput<z.input<Q>> }
  : unknown;
type BodyOf<E> = E extends { body: { schema: infer S extends z.ZodType; required: infer R } }
  ? R extends true
    ? { readonly body: Sent<S> }
    : { readonly body?: Sent<S> }
  : unknown;

/** The request of a route: `params` of its path, `query`, `body`, as its schemas accept them. */
export type CallInput<N extends Name> = ParamsOf<Called[N]> &
  QueryOf<Called[N]> &
  BodyOf<Called[N]> &
  CallOptions;

type JsonOf<Row> = Row extends { schema: infer S extends z.ZodType } ? z.output<S> : undefined;

/** The success response of a route. */
export type CallResponse<N extends Name> = JsonOf<ResponseRows<Called[N]>>;

/** Routes that respond with JSON only: streams and pages are not calls. */
export type CallName = {
  [N in Name]: Part<ResponseRows<Called[N]>, "contentType"> extends never ? N : never;
}[Name];

type Arguments<N extends CallName> =
  Partial<CallInput<N>> extends CallInput<N> ? [input?: CallInput<N>] : [input: CallInput<N>];

/** One method for each route, named as in the table of endpoints. */
export type Calls = { readonly [N in CallName]: (...input: Arguments<N>) => Promise<CallResponse<N>> };

/** Routes that respond with a list, in pages if it may be long; their names begin with `list`. */
export type ListName = { [N in CallName]: N extends `list${string}` ? N : never }[CallName];

/** An entry of a route's list. */
export type ItemOf<N extends ListName> = {
  [K in keyof CallResponse<N>]: CallResponse<N>[K] extends readonly (infer Item)[] ? Item : never;
}[keyof CallResponse<N>];
