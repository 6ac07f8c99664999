import { xmlText } from "../../../schema/storage/xml-answer.ts";
import { responseFailure, type StorageFailure } from "../failure.ts";

/**
 * Reads the response to a failed request, in the XML that S3 made common.
 *
 * @param status the HTTP status; 200 when the error came in the body of a success
 */
export function s3Failure(status: number, body: string, retryAfterMs: number | undefined): StorageFailure {
  const name = xmlText(body, "Code") ?? "";
  return responseFailure({ status, name, message: xmlText(body, "Message") ?? "", retryAfterMs });
}
