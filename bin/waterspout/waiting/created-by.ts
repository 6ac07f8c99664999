/** What a request made. */
export interface Created {
  readonly kind: "job" | "batch";
  readonly id: string;
}

/** Which of both a `POST /jobs` made: a URL may turn out to be a list. */
export function createdBy(response: { readonly job_id: string } | { readonly batch_id: string }): Created {
  return "batch_id" in response
    ? { kind: "batch", id: response.batch_id }
    : { kind: "job", id: response.job_id };
}
