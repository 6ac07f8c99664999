import { pagePath } from "./layout.ts";
import type { Section } from "./navigation.ts";

const SUMMARY =
  "Waterspout is a self-hosted REST API. It takes the URL of a video, an audio file, a playlist or a live stream, and delivers the media as a file to object storage (S3, Azure Blob, Google Cloud Storage, Alibaba OSS, Google Drive). It circumvents no DRM and no access control.";

/** `llms.txt`: what language models and their tools should read, in the form of llmstxt.org. */
export function llmsText(sections: readonly Section[]): string {
  const groups = sections.map(({ title, pages }) =>
    [
      `## ${title}`,
      "",
      ...pages.map(({ name, label, about }) => `- [${label}](${pagePath(name)}.md): ${about}`),
    ].join("\n"),
  );
  return `# Waterspout\n\n> ${SUMMARY}\n\nThe API is described by [OpenAPI 3.1](/openapi.json). All pages in one file: [llms-full.txt](/llms-full.txt).\n\n${groups.join("\n\n")}\n`;
}
