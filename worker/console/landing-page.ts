/** The page at `/`: what this service is, and where to go. It loads no script. */

export const LANDING_POLICY =
  "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The address comes from the operator; it is checked to be a URL, which contains no markup but `&` and quotes. */
const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");

/** @param url of this service, without a trailing slash */
export const landingPage = (url: string, version: string): string => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="description" content="Send the URL of a video or an audio file; Waterspout delivers the file to your own cloud storage.">
    <meta name="color-scheme" content="light dark">
    <title>Waterspout: from a media URL to a file in your storage</title>
    <link rel="icon" href="/ui/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/ui/base.css">
    <link rel="stylesheet" href="/ui/landing.css">
  </head>
  <body>
    <header class="landing-bar">
      <a class="brand" href="/"><img src="/ui/icon.svg" alt="" width="28" height="28">Waterspout</a>
      <nav aria-label="Main">
        <a href="/docs">Documentation</a>
        <a href="/console">Console</a>
      </nav>
    </header>
    <main class="landing">
      <h1>From a media URL to a file in your storage</h1>
      <p class="lead">Waterspout accepts the URL of a video, an audio file, a playlist or a live stream, and delivers the media to your own bucket: S3, Azure Blob, Google Cloud Storage, Alibaba OSS or Google Drive.</p>
      <p class="actions">
        <a class="button primary" href="/console">Open the console</a>
        <a class="button" href="/docs">Read the documentation</a>
      </p>
      <section aria-labelledby="try">
        <h2 id="try">Try it</h2>
        <pre tabindex="0"><code>curl ${escaped(url)}/jobs \\
  -H "x-api-key: $API_KEY" \\
  -H "content-type: application/json" \\
  -d '{"url": "https://example.com/talk.mp4"}'</code></pre>
      </section>
      <section aria-labelledby="what">
        <h2 id="what">What it does</h2>
        <ul class="tiles">
          <li><h3>Any format</h3><p>mp4, mkv, webm, mov, m4a, mp3, ogg and opus; the streams stay as they are wherever the container allows it.</p></li>
          <li><h3>Whole lists</h3><p>Playlists, channels and podcast shows become batches that you can rename, start and follow.</p></li>
          <li><h3>Nothing lost</h3><p>Every accepted job ends with a file or with a reason, and signed webhooks report it.</p></li>
        </ul>
      </section>
    </main>
    <footer class="landing-foot">
      <p>Waterspout ${escaped(version)}, open source under Apache-2.0</p>
      <ul>
        <li><a href="/status">Status</a></li>
        <li><a href="/openapi.json">OpenAPI</a></li>
        <li><a href="/docs">Documentation</a></li>
        <li><a href="/console">Console</a></li>
      </ul>
    </footer>
  </body>
</html>
`;
