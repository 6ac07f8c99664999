import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { de } from "./de.ts";
import { en, type Texts } from "./en.ts";

/** Languages of the console. */
export const LANGUAGES = { en, de } satisfies Record<string, Texts>;
export type Language = keyof typeof LANGUAGES;

/** The language that the browser asks for first among those that there are. */
export const preferredLanguage = (wanted: readonly string[]): Language =>
  wanted.map((tag) => tag.slice(0, 2)).find((tag): tag is Language => tag in LANGUAGES) ?? "en";

export const LanguageContext = createContext<Language>("en");

/** The texts of the chosen language. @example useTexts().nav.jobs // "Jobs" */
export const useTexts = (): Texts => LANGUAGES[useContext(LanguageContext)];

/** A text whose key comes from the API, which may know more than this console; then the key is shown. */
export const textOr = (table: Readonly<Record<string, string>>, key: string): string => table[key] ?? key;
