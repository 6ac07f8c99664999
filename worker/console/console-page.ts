/** The console's page. It is an application in the browser, and all of its files come from this Worker. */

/**
 * What the page may load: scripts, styles and data from its own origin only. Media and pictures come from the caller's
 * storage and from the sources, so they may come from anywhere; over plain http only where the page itself does.
 */
export function consolePolicy({ protocol }: URL): string {
  const anywhere = protocol === "http:" ? "'self' https: http:" : "'self' https:";
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    `img-src ${anywhere} data:`,
    `media-src ${anywhere}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");
}

export const CONSOLE_PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="description" content="Jobs, batches, storage, webhooks and usage of a Waterspout account">
    <meta name="color-scheme" content="light dark">
    <title>Waterspout console</title>
    <link rel="icon" href="/ui/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/ui/base.css">
    <link rel="stylesheet" href="/ui/console.css">
    <script type="module" src="/ui/console.js"></script>
  </head>
  <body>
    <div id="console"></div>
    <noscript><p class="page">The console needs JavaScript. The API and its <a href="/docs">documentation</a> do not.</p></noscript>
  </body>
</html>
`;
