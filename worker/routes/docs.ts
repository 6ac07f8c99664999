import { endpoints } from "../../schema/api/endpoints.ts";
import { DOCS_PAGE, DOCS_POLICY } from "../console/docs-page.ts";
import { route } from "./route.ts";

export const docs = route(endpoints.docs, async ({ c }) =>
  c.html(DOCS_PAGE, 200, { "content-security-policy": DOCS_POLICY }),
);
