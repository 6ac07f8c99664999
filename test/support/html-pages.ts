/** A page as video sites make them: it names its media in og:video and JSON-LD. */
export const HTML_WITH_MEDIA = (origin: string): string => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>A page with a video &amp; metadata</title>
    <meta property="og:title" content="A page with a video &amp; metadata">
    <meta property="og:type" content="video.other">
    <meta property="og:video" content="${origin}/direct.mp4">
    <meta property="og:video:type" content="video/mp4">
    <meta property="og:image" content="${origin}/thumb.jpg">
    <meta property="og:description" content="Made for tests">
    <script type="application/ld+json">
      {
        "@context": "https://schema.org",
        "@type": "VideoObject",
        "name": "A page with a video & metadata",
        "description": "Made for tests",
        "thumbnailUrl": "${origin}/thumb.jpg",
        "uploadDate": "2026-01-02",
        "contentUrl": "${origin}/direct.mp4"
      }
    </script>
  </head>
  <body><video src="/direct.mp4" controls></video></body>
</html>
`;

/** A page with text and nothing else. */
export const HTML_WITHOUT_MEDIA = `<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><title>Only words</title></head>
  <body><p>Nothing to watch here.</p></body>
</html>
`;

const CHAPTERS = [
  { "@type": "Clip", name: "First = one", startOffset: 0, endOffset: 1 },
  { "@type": "Clip", name: "Second", startOffset: 1, endOffset: 3 },
];

/** A page that describes its 3-second film, which is next to it, to search engines. */
export const describedPage = (origin: string, media: string): string => `<!doctype html>
<html><head><title>Described</title><script type="application/ld+json">${JSON.stringify({
  ...{ "@context": "https://schema.org", "@type": "VideoObject", name: "A film; with # signs" },
  ...{ description: "Described", uploadDate: "2026-01-02", thumbnailUrl: `${origin}/poster.jpg` },
  ...{
    author: { "@type": "Person", name: "An author" },
    contentUrl: `${origin}/${media}`,
    hasPart: CHAPTERS,
  },
})}</script></head><body></body></html>`;
