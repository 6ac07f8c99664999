import hljs from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import go from "highlight.js/lib/languages/go";
import ini from "highlight.js/lib/languages/ini";
import json from "highlight.js/lib/languages/json";
import php from "highlight.js/lib/languages/php";
import python from "highlight.js/lib/languages/python";
import ruby from "highlight.js/lib/languages/ruby";
import typescript from "highlight.js/lib/languages/typescript";
import yaml from "highlight.js/lib/languages/yaml";
import { escapeHtml } from "./escape-html.ts";

const LANGUAGES = { bash, go, ini, json, php, python, ruby, typescript, yaml };
for (const [name, language] of Object.entries(LANGUAGES)) hljs.registerLanguage(name, language);

/** Names of languages in fences and samples. */
const ALIASES: Readonly<Record<string, keyof typeof LANGUAGES>> = {
  sh: "bash",
  shell: "bash",
  toml: "ini",
  ts: "typescript",
  js: "typescript",
  mjs: "typescript",
  py: "python",
  yml: "yaml",
};

/** Source text as HTML with classes for colours; a language that is not known stays plain. */
export function highlight(source: string, language: string): string {
  const name = ALIASES[language.toLowerCase()] ?? language.toLowerCase();
  if (!hljs.getLanguage(name)) return escapeHtml(source);
  return hljs.highlight(source, { language: name }).value;
}
