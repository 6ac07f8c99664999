/** A page of the documentation: its file below `docs/`, and how it is called in the navigation. */
export interface PageEntry {
  /** File below `docs/`, without its ending; also the page's path below `/docs/`. */
  readonly name: string;
  readonly label: string;
  /** What the page is for, in one sentence. */
  readonly about: string;
  /** The page is about the local stack, so its commands keep the local address on every server. */
  readonly local?: true;
}

export interface Section {
  readonly title: string;
  readonly pages: readonly PageEntry[];
}

/** The navigation, in its order. Every page below `docs/` is in it. */
export const SECTIONS: readonly Section[] = [
  {
    title: "Start",
    pages: [
      {
        name: "quick-start",
        label: "Quick start",
        about: "From nothing to the first file, in your own bucket, with a webhook.",
        local: true,
      },
      { name: "jobs", label: "Jobs", about: "Create, follow, cancel and retry; every state of a job." },
      { name: "formats", label: "Formats", about: "What is delivered for each kind of source." },
      { name: "troubleshooting", label: "Troubleshooting", about: "Every error code, and what to do." },
    ],
  },
  {
    title: "Guides",
    pages: [
      {
        name: "storage",
        label: "Your own storage",
        about: "S3, Azure, Google Cloud and OSS, with policies.",
      },
      { name: "storage-google-drive", label: "Google Drive", about: "Deliver to a folder of Google Drive." },
      { name: "cookies", label: "Cookies", about: "Use a session of yours at sites that ask for one." },
      { name: "webhooks", label: "Webhooks", about: "Receive and verify events, in four languages." },
      { name: "batches", label: "Batches and shows", about: "Playlists, channels, podcasts, lists of URLs." },
      {
        name: "subscriptions",
        label: "Subscriptions",
        about: "Follow a source; each new entry is delivered once.",
      },
      { name: "lists", label: "Lists and feeds", about: "What counts as a list, and how feeds are found." },
      { name: "live", label: "Live streams", about: "Record what is being broadcast." },
      { name: "client", label: "TypeScript client", about: "One typed method for each operation." },
      { name: "console", label: "Console", about: "Everything in the browser." },
      { name: "command-line", label: "Command line", about: "Everything from a terminal." },
      { name: "migration", label: "From the hosted API", about: "Move a client of the hosted API." },
      {
        name: "marketplaces",
        label: "Marketplaces",
        about: "Sell your instance on RapidAPI, Apify or Zyla.",
      },
    ],
  },
  {
    title: "Operate",
    pages: [
      { name: "self-hosting", label: "Self-hosting", about: "Run it on your own machine.", local: true },
      { name: "cloudflare", label: "Cloudflare", about: "Deploy to Workers and containers." },
      { name: "configuration", label: "Configuration", about: "Every variable, and every limit." },
      { name: "exits", label: "Exits", about: "Proxies, countries, and what happens when a site refuses." },
      {
        name: "rights",
        label: "Rights of others",
        about: "Deny sources, take down what was delivered, erase accounts.",
      },
      { name: "versions", label: "Versions of yt-dlp", about: "A newer yt-dlp next to the pinned one." },
      { name: "accounts", label: "Accounts and keys", about: "Who may do what." },
      { name: "operations", label: "Operations", about: "Watch it, update it, recover it." },
      { name: "security", label: "Security", about: "What is defended where." },
      { name: "reliability", label: "Reliability", about: "What holds when parts fail." },
      { name: "scale", label: "Scale", about: "Resources for many jobs a day." },
      { name: "performance", label: "Performance", about: "Figures, and how they are measured." },
      { name: "architecture", label: "Architecture", about: "How the parts work together." },
      { name: "decisions/README", label: "Decisions", about: "Why it is built as it is." },
    ],
  },
];
