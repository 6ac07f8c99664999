import { z } from "zod";

const ARTICLES: Record<string, string> = {
  string: "a string",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a JSON object",
};

/** Messages for people where a schema has none of its own. Every module that defines requests imports this one. */
z.config({
  customError: (issue) => {
    if (issue.code === "too_small" && issue.origin !== "string") return `must be at least ${issue.minimum}`;
    if (issue.code === "too_big" && issue.origin !== "string") return `must be at most ${issue.maximum}`;
    if (issue.code !== "invalid_type") return undefined;
    if (issue.input === undefined) return "is required";
    return `must be ${ARTICLES[issue.expected] ?? issue.expected}`;
  },
});
