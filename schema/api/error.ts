import { z } from "zod";
import { API_ERROR_CODES } from "../errors.ts";

/** One thing that is wrong with a request. */
export const Issue = z
  .object({
    path: z
      .string()
      .describe("Path of the field, with dots; `body` for the body as a whole")
      .meta({ example: "clip_end" }),
    message: z.string().meta({ example: "must be greater than clip_start" }),
  })
  .meta({ id: "Issue" });
export type Issue = z.infer<typeof Issue>;

/** Members of `quota_exceeded`. */
const quota = {
  limit_gb: z.string().optional().meta({ example: "1024.00" }),
  used_gb: z.string().optional(),
  message: z.string().optional(),
};

/** The one shape of every error body. */
export const ErrorBody = z
  .object({
    error: z.string().describe("One sentence for people"),
    code: z.enum(API_ERROR_CODES).describe("Stable machine code"),
    request_id: z.string().describe("Also sent as the header x-request-id"),
    issues: z.array(Issue).optional(),
    ...quota,
  })
  .meta({ id: "Error" });
export type ErrorBody = z.infer<typeof ErrorBody>;

/** The same facts as RFC 9457, sent when the request accepts `application/problem+json`. */
export const ProblemBody = z
  .object({
    type: z.string().describe("URN of the code").meta({ example: "urn:waterspout:error:invalid_request" }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string().describe("URN of the request"),
    code: z.enum(API_ERROR_CODES),
    request_id: z.string(),
    issues: z.array(Issue).optional(),
    ...quota,
  })
  .meta({ id: "Problem" });
export type ProblemBody = z.infer<typeof ProblemBody>;
