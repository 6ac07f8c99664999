import { endpoints } from "../../schema/api/endpoints.ts";
import { openApiDocument } from "../../schema/openapi.ts";
import { CONSOLE_PAGE, consolePolicy } from "../console/console-page.ts";
import { DOCS_ASSETS, DOCS_PAGE, DOCS_POLICY, DOCS_SCRIPT, DOCS_SCRIPT_NAME } from "../console/docs-page.ts";
import { LANDING_POLICY, landingPage } from "../console/landing-page.ts";
import { notFound } from "../lib/api-error.ts";
import { bearerOf } from "../lib/bearer.ts";
import { VERSION } from "../lib/version.ts";
import { authenticateOperator } from "../services/accounts/authenticate.ts";
import { readiness } from "../services/maintenance/readiness.ts";
import { viewStatus } from "../services/maintenance/site-status.ts";
import { type AppContext, type Handler, ok, route } from "./route.ts";

/** Handlers of the routes with the tag Service. */
export const serviceHandlers = {
  about: route(endpoints.about, async ({ c, context }) => {
    c.header("vary", "accept");
    const url = context.config.publicUrl.replace(/\/$/, "");
    if (c.req.header("accept")?.includes("text/html")) {
      return c.html(landingPage(url, VERSION), 200, { "content-security-policy": LANDING_POLICY });
    }
    return ok({
      name: "Waterspout",
      version: VERSION,
      console: `${url}/console`,
      documentation: `${url}/docs`,
      openapi: `${url}/openapi.json`,
      readiness: `${url}/readyz`,
    });
  }),

  console: route(endpoints.console, async ({ c }) =>
    c.html(CONSOLE_PAGE, 200, { "content-security-policy": consolePolicy(new URL(c.req.url)) }),
  ),

  alive: route(endpoints.alive, async ({ context }) => {
    const { isolation = null, tools = null } = await context.runner.health();
    return ok({ status: "ok", version: VERSION, tools, isolation });
  }),

  ready: route(endpoints.ready, async ({ context }) => {
    const body = await readiness(context);
    return { status: body.status === "unavailable" ? 503 : 200, body };
  }),

  status: route(endpoints.status, async ({ c, context }) => {
    const token = bearerOf(c.req.raw);
    if (token !== null) await authenticateOperator(context, token);
    return ok(await viewStatus(context, token !== null));
  }),

  openapi: route(endpoints.openapi, async ({ context }) =>
    ok(openApiDocument(context.config.publicUrl, VERSION)),
  ),

  docs: route(endpoints.docs, async ({ c }) =>
    c.html(DOCS_PAGE, 200, { "content-security-policy": DOCS_POLICY }),
  ),
};

/** `GET /docs/{file}`: the few files of the documentation page, from the Worker's own assets. */
export const docsAsset: Handler = async (c) => {
  const file = c.req.param("file") ?? "";
  if (file === DOCS_SCRIPT_NAME)
    return c.body(DOCS_SCRIPT, 200, { "content-type": "text/javascript; charset=utf-8" });
  if (!DOCS_ASSETS.includes(file)) throw notFound("page");
  return asset(c, `docs/${file}`);
};

/** `GET /ui/{file}`: style sheets and scripts of the Worker's own pages. */
export const uiAsset: Handler = async (c) => {
  const file = c.req.param("file") ?? "";
  if (!/^[a-z]+\.(css|js|svg)$/.test(file)) throw notFound("page");
  return asset(c, `ui/${file}`);
};

/** A built file; browsers keep it and ask whether it has changed. */
async function asset(c: AppContext, path: string): Promise<Response> {
  const known = c.req.header("if-none-match");
  const headers = known === undefined ? {} : { "if-none-match": known };
  const found = await c.var.context.assets.fetch(`http://assets/${path}`, { headers });
  if (found.status !== 200 && found.status !== 304) throw notFound("page");
  return new Response(found.body, found);
}
