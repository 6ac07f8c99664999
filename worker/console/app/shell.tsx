import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { href } from "./lib/route.ts";
import { useSession } from "./lib/session.ts";
import { LANGUAGES, type Language, useTexts } from "./texts/texts.ts";

interface ShellProps {
  readonly path: readonly string[];
  readonly isSignedIn: boolean;
  readonly onSignOut: () => void;
  readonly language: Language;
  readonly onLanguage: (language: Language) => void;
  readonly children: ComponentChildren;
}

/** What surrounds every page: navigation, language, appearance, and whether the browser is offline. */
export function Shell({ path, isSignedIn, onSignOut, language, onLanguage, children }: ShellProps) {
  const texts = useTexts();
  const isOnline = useOnline();
  return (
    <>
      <button
        type="button"
        class="skip"
        onClick={() => document.querySelector<HTMLElement>("main h1")?.focus()}
      >
        {texts.skip}
      </button>
      {!isOnline && (
        <p class="offline" role="status">
          {texts.offline}
        </p>
      )}
      <div class={isSignedIn ? "shell" : "shell outside"}>
        {isSignedIn && (
          <header class="side">
            <a class="brand" href={href("")}>
              <img src="/ui/icon.svg" alt="" width="26" height="26" />
              {texts.product}
            </a>
            <Navigation path={path} />
            <button type="button" class="quiet" onClick={onSignOut}>
              {texts.signOut}
            </button>
          </header>
        )}
        <div class="main">
          {isSignedIn ? (
            <main id="content" tabIndex={-1}>
              {children}
            </main>
          ) : (
            children
          )}
          <footer class="foot">
            <a href="/docs">{texts.nav.docs}</a>
            <Choice
              label={texts.languageLabel}
              value={language}
              choices={Object.entries(LANGUAGES).map(([tag, table]) => [tag, table.language])}
              onChange={(tag) => onLanguage(tag as Language)}
            />
            <Appearance />
          </footer>
        </div>
      </div>
    </>
  );
}

function Navigation({ path }: { readonly path: readonly string[] }) {
  const { nav, menu } = useTexts();
  const { hasKey, isOperator } = useSession();
  const link = (to: string, text: string, isHere = path[0] === to) => (
    <li key={to}>
      <a href={href(to)} aria-current={isHere ? "page" : undefined}>
        {text}
      </a>
    </li>
  );
  return (
    <nav aria-label={menu}>
      {hasKey && (
        <ul>
          {link("", nav.overview, path.length === 0)}
          {link("new", nav.create)}
          {link("jobs", nav.jobs)}
          {link("batches", nav.batches)}
          {link("subscriptions", nav.subscriptions)}
          {link("storage", nav.storage)}
          {link("cookies", nav.cookies)}
          {link("webhooks", nav.webhooks)}
          {link("usage", nav.usage)}
        </ul>
      )}
      {isOperator && (
        <>
          <p class="nav-head" id="operator-pages">
            {nav.operator}
          </p>
          <ul aria-labelledby="operator-pages">
            {(["health", "accounts", "exits", "rights", "audit"] as const).map((page) =>
              link(`operator/${page}`, nav[page], path[0] === "operator" && path[1] === page),
            )}
          </ul>
        </>
      )}
    </nav>
  );
}

const THEME_AT = "waterspout.theme";

/** Applies what the person chose earlier, before anything is painted. */
export function applyTheme(theme = localStorage.getItem(THEME_AT) ?? "system"): void {
  const { dataset } = document.documentElement;
  if (theme === "system") delete dataset.theme;
  else dataset.theme = theme;
}

function Appearance() {
  const texts = useTexts();
  const [theme, setTheme] = useState(() => localStorage.getItem(THEME_AT) ?? "system");
  return (
    <Choice
      label={texts.appearance}
      value={theme}
      choices={[
        ["system", texts.themeSystem],
        ["light", texts.themeLight],
        ["dark", texts.themeDark],
      ]}
      onChange={(chosen) => {
        localStorage.setItem(THEME_AT, chosen);
        applyTheme(chosen);
        setTheme(chosen);
      }}
    />
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly value: string;
  readonly choices: readonly (readonly [string, string])[];
  readonly onChange: (value: string) => void;
}

const Choice = ({ label, value, choices, onChange }: ChoiceProps) => (
  <label class="choice">
    {label}
    <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
      {choices.map(([name, text]) => (
        <option key={name} value={name}>
          {text}
        </option>
      ))}
    </select>
  </label>
);

function useOnline(): boolean {
  const [isOnline, setOnline] = useState(navigator.onLine);
  useEffect(() => {
    const follow = () => setOnline(navigator.onLine);
    addEventListener("online", follow);
    addEventListener("offline", follow);
    return () => {
      removeEventListener("online", follow);
      removeEventListener("offline", follow);
    };
  }, []);
  return isOnline;
}
