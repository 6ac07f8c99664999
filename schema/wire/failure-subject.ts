import { z } from "zod";

/**
 * What a failure was about, for its sentence: a host or a permission. Names come from strangers, so that only their
 * usual characters pass; anything else is dropped. Absent from processors of the former version.
 */
export const FailureSubject = z
  .string()
  .regex(/^[\w.:()[\] -]{1,255}$/)
  .nullish()
  .catch(null);
