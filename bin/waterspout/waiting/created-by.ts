/** What a request created. */
export interface Created {
  readonly kind: "job" | "batch";
  readonly id: string;
  /** The URL that it came from, if it is known. */
  readonly url?: string;
}

/** Which of the two a `POST /jobs` created: a URL may turn out to be a list. */
export function createdBy(response: { readonly job_id: string } | { readonly batch_id: string }): Created {
  return "batch_id" in response
    ? { kind: "batch", id: response.batch_id }
    : { kind: "job", id: response.job_id };
}
