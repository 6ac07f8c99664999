/** Search over the documentation, languages of samples, and the navigation on small screens. Pages work without it. */

interface Found {
  readonly page: string;
  readonly title: string;
  readonly href: string;
  readonly text: string;
}

/** Maximum number of results. */
const SHOWN = 12;
const LANGUAGE = "waterspout-sample";

let index: Promise<readonly Found[]> | undefined;
const loadIndex = (): Promise<readonly Found[]> => {
  index ??= fetch("/docs/search.json").then((response) => response.json());
  return index;
};

/** Entries that contain every word; those with a word in the title come first. */
function findEntries(entries: readonly Found[], query: string): readonly Found[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const rank = ({ title, page, text }: Found): number => {
    const [inTitle, all] = [title.toLowerCase(), `${title} ${page} ${text}`.toLowerCase()];
    if (!words.every((word) => all.includes(word))) return 0;
    return 1 + words.filter((word) => inTitle.includes(word)).length;
  };
  const ranked = entries.map((entry) => ({ entry, score: rank(entry) })).filter(({ score }) => score > 0);
  return ranked
    .sort((a, b) => b.score - a.score)
    .slice(0, SHOWN)
    .map(({ entry }) => entry);
}

function setUpSearch(form: HTMLFormElement): void {
  const input = form.querySelector("input");
  const list = form.querySelector("#found");
  if (!input || !list) return;
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    list.querySelector("a")?.click();
  });
  input.addEventListener("input", async () => {
    const query = input.value.trim();
    const found = query === "" ? [] : findEntries(await loadIndex(), query);
    // a later letter has its own search
    if (query !== input.value.trim()) return;
    list.replaceChildren(...found.map(entryLink));
    if (query !== "" && found.length === 0)
      list.append(Object.assign(document.createElement("p"), { textContent: "Nothing found" }));
  });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    input.value = "";
    list.replaceChildren();
  });
}

function entryLink({ page, title, href }: Found): HTMLAnchorElement {
  const link = Object.assign(document.createElement("a"), { href });
  const where = Object.assign(document.createElement("small"), { textContent: page });
  link.append(Object.assign(document.createElement("span"), { textContent: title }), where);
  return link;
}

/** One language of the samples is shown, on the whole page; the choice is kept. */
function setUpSamples(): void {
  const languages = ["curl", "TypeScript", "Python"];
  const groups = [...document.querySelectorAll(".samples")];
  if (groups.length === 0) return;
  const choose = (language: string) => {
    document.documentElement.dataset.sample = language;
    localStorage.setItem(LANGUAGE, language);
    for (const button of document.querySelectorAll<HTMLButtonElement>(".languages button")) {
      button.setAttribute("aria-pressed", String(button.textContent === language));
    }
  };
  for (const group of groups) {
    const bar = Object.assign(document.createElement("div"), { className: "languages" });
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "Language of the sample");
    for (const language of languages) {
      const button = Object.assign(document.createElement("button"), {
        type: "button",
        textContent: language,
      });
      button.addEventListener("click", () => choose(language));
      bar.append(button);
    }
    group.prepend(bar);
  }
  const kept = localStorage.getItem(LANGUAGE) ?? "";
  choose(languages.includes(kept) ? kept : "curl");
}

/** Blocks of code get a button that copies them. */
function setUpCopying(): void {
  for (const block of document.querySelectorAll("pre")) {
    const button = Object.assign(document.createElement("button"), {
      ...{ type: "button", className: "copy", textContent: "Copy" },
    });
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(block.querySelector("code")?.textContent ?? "");
      button.textContent = "Copied";
    });
    const frame = Object.assign(document.createElement("div"), { className: "code" });
    block.replaceWith(frame);
    frame.append(block, button);
  }
}

/** The table of contents is closed where it would push the page away. */
function setUpNavigation(): void {
  const contents = document.querySelector<HTMLDetailsElement>(".docs-nav details");
  if (contents && matchMedia("(max-width: 60rem)").matches) contents.open = false;
}

const form = document.querySelector<HTMLFormElement>(".docs-search");
if (form) setUpSearch(form);
setUpNavigation();
setUpSamples();
setUpCopying();
