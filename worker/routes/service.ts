import { endpoints } from "../../schema/api/endpoints.ts";
import { openApiDocument } from "../../schema/openapi.ts";
import { CONSOLE_PAGE, consolePolicy } from "../console/console-page.ts";
import { DOCS_POLICY, DOCS_TYPES, SERVER_MARK } from "../console/docs-page.ts";
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

  docs: route(endpoints.docs, ({ c }) => docsPage(c, "home")),
};

/** `GET /docs/{page}`, `/llms.txt` and `/llms-full.txt`: pages of the documentation, and their sources. */
export const docsAsset: Handler = async (c) => {
  const name = c.req.path.replace(/^\/(docs\/)?/, "");
  if (!/^[A-Za-z0-9-]+(\/[a-z0-9-]+)?(\.[a-z]+)?$/.test(name)) throw notFound("page");
  const type = DOCS_TYPES[name.split(".")[1] ?? ""];
  if (type === undefined) return docsPage(c, name);
  const response = await asset(c, `docs/${name}`);
  response.headers.set("content-type", type);
  return response;
};

/** A page whose commands call this server. */
async function docsPage(c: AppContext, name: string): Promise<Response> {
  const { assets, config } = c.var.context;
  const found = await assets.fetch(`http://assets/docs/${name}`);
  if (found.status !== 200 || name.includes(".")) throw notFound("page");
  const page = (await found.text()).replaceAll(SERVER_MARK, config.publicUrl.replace(/\/$/, ""));
  return c.html(page, 200, { "content-security-policy": DOCS_POLICY });
}

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
