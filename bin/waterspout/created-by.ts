/** What a request made. */
export interface Created {
  readonly kind: "job" | "batch";
  readonly id: string;
}

/** Which of both a `POST /jobs` made: a URL may turn out to be a list. */
export function createdBy(answer: { readonly job_id: string } | { readonly batch_id: string }): Created {
  return "batch_id" in answer ? { kind: "batch", id: answer.batch_id } : { kind: "job", id: answer.job_id };
}
