import type { YtdlpFormat } from "../../tools/ytdlp-info.ts";

/** What a source says about the audio of one of its formats. */
export interface Voice {
  /** Canonical BCP 47 tag; null if the source does not name the language. */
  readonly language: string | null;
  /** `alternate`: audio description or commentary, which replaces or talks over the programme. */
  readonly kind: "main" | "dub" | "alternate";
  /** Dynamic range compression: the same audio, made for quiet listening. */
  readonly compressed: boolean;
  /** How certain it is that this is the original; higher is more certain. */
  readonly originality: number;
}

/** yt-dlp's `language_preference` of what a site calls the original, and of what it plays by default. */
const ORIGINAL_PREFERENCE = 10;
const DEFAULT_PREFERENCE = 5;
/** At or below this, a site marks a track as not meant for everybody. */
const ALTERNATE_PREFERENCE = -10;

// regexp-ok: a list of fixed words, without a repetition
const ALTERNATE = new RegExp(
  [
    String.raw`\bdescripti(?:ve|on)\b|\bdescribed\b|\bdescribes-video\b|audio[-_ ]?descri|visually|sight-impaired`,
    String.raw`audiodescrip|audiodeskription|hörfassung|\bcommentar(?:y|ies)\b|\bkommentar\b|(?:^|[-_ (])AD(?:[-_ )]|$)`,
  ].join("|"),
  "i",
);
const DUB = /\bdub(?:bed|bing|s)?\b/i;
const ORIGINAL = /\boriginal\b/i;
const DEFAULT = /\(default\)/i;
const COMPRESSED = /\bDRC\b|-drc(?:-|$)/i;

const UNKNOWN_LANGUAGES = new Set(["und", "mul", "zxx", "mis", "qaa", "none"]);

/** What yt-dlp, and the manifests that it read, say about a format's audio. */
export function voiceOf(format: YtdlpFormat): Voice {
  const rawLanguage = text(format.language) ?? text(member(format.audio_track, "id"))?.split(".")[0] ?? "";
  const note = text(format.format_note) ?? "";
  const name = [
    note,
    text(member(format.audio_track, "displayName")),
    text(member(format.audio_track, "display_name")),
    text(format.audio_characteristics),
  ].join(" ");
  const roles = Array.isArray(format.audio_roles) ? format.audio_roles.map(String) : [];
  const id = text(format.format_id) ?? "";
  const preference = typeof format.language_preference === "number" ? format.language_preference : -1;
  const isAlternate =
    ALTERNATE.test(name) ||
    /-(?:x-)?(?:desc|ad)$/i.test(rawLanguage) ||
    roles.some((role) => /description|commentary/.test(role)) ||
    preference <= ALTERNATE_PREFERENCE;
  const isDub = !isAlternate && (DUB.test(name) || roles.includes("dub"));
  return {
    language: canonicalLanguage(rawLanguage),
    kind: isAlternate ? "alternate" : isDub ? "dub" : "main",
    compressed: COMPRESSED.test(note) || COMPRESSED.test(id),
    originality: originalityOf({ name, roles, preference, isDub, format }),
  };
}

interface Clues {
  readonly name: string;
  readonly roles: readonly string[];
  readonly preference: number;
  readonly isDub: boolean;
  readonly format: YtdlpFormat;
}

function originalityOf({ name, roles, preference, isDub, format }: Clues): number {
  if (isDub) return 0;
  if (ORIGINAL.test(name) || preference >= ORIGINAL_PREFERENCE) return 3;
  const isDefault = DEFAULT.test(name) || format.audio_default === true || roles.includes("main");
  if (isDefault || preference >= DEFAULT_PREFERENCE) return 2;
  // below what sites call their original, any order of preference still counts
  return 1 + Math.max(ALTERNATE_PREFERENCE, preference) / 100;
}

/**
 * The canonical form of a language tag; null for text that names no language.
 *
 * @example canonicalLanguage("eng_us") // "en-US"
 */
export function canonicalLanguage(tag: string | null | undefined): string | null {
  const plain = (tag ?? "")
    .trim()
    .replaceAll("_", "-")
    .replace(/-(?:x-)?(?:desc|ad|orig(?:inal)?)$/i, "");
  if (plain === "" || UNKNOWN_LANGUAGES.has(plain.toLowerCase())) return null;
  try {
    return Intl.getCanonicalLocales(plain)[0] ?? null;
  } catch {
    return null;
  }
}

/**
 * The best match of a language among the available ones, as RFC 4647 looks up: the exact tag, then a variant of it
 * (`pt` matches `pt-BR`), then the same with the requested tag shortened from its end (`pt-BR` matches `pt`, then
 * `pt-PT`).
 *
 * @returns null if there is none
 * @example matchLanguage("pt", ["en", "pt-BR"]) // "pt-BR"
 */
export function matchLanguage(asked: string, available: readonly string[]): string | null {
  const subtags = (canonicalLanguage(asked) ?? asked).toLowerCase().split("-");
  for (let length = subtags.length; length > 0; length--) {
    // a single letter begins an extension and means nothing on its own
    if (length > 1 && subtags[length - 1]?.length === 1) continue;
    const range = subtags.slice(0, length).join("-");
    const exact = available.find((tag) => tag.toLowerCase() === range);
    const variant = available.find((tag) => tag.toLowerCase().startsWith(`${range}-`));
    if (exact ?? variant) return exact ?? variant ?? null;
  }
  return null;
}

/** A candidate with what is known about its audio. */
export interface Voiced<T> {
  readonly item: T;
  readonly voice: Voice;
}

/** Which of the available languages was chosen. */
export interface VoiceChoice<T> {
  /** All candidates in this language, in their original order. */
  readonly items: readonly T[];
  readonly language: string | null;
  /** It is audio description, commentary or compressed, because there is nothing else. */
  readonly lastResort: "alternate" | "compressed" | null;
  /** False if another language was requested. */
  readonly isAsked: boolean;
}

/**
 * Chooses the language: the requested one, otherwise the original. Audio description and commentary are chosen only if
 * a source has no other audio at all, compressed audio only if the language exists in no other form.
 *
 * @param candidates in the source's own order, which decides between languages that nothing else distinguishes
 * @param asked `original`, `all` (whose first track is the original), or a language tag
 * @returns null without candidates
 */
export function chooseVoice<T>(candidates: readonly Voiced<T>[], asked: string): VoiceChoice<T> | null {
  const proper = candidates.filter(({ voice }) => voice.kind !== "alternate");
  const pool = proper.length > 0 ? proper : candidates;
  const original = mostOriginal(pool);
  if (!original) return null;
  const isTag = asked !== "original" && asked !== "all";
  const match = isTag ? matchLanguage(asked, languagesOf(proper)) : null;
  const wanted =
    match === null ? original.voice : (mostOriginal(inLanguage(proper, match)) ?? original).voice;
  const sameVoice = inLanguage(pool, wanted.language).filter(
    ({ voice }) => wanted.kind === "dub" || voice.kind !== "dub",
  );
  const uncompressed = sameVoice.filter(({ voice }) => !voice.compressed);
  const chosen = uncompressed.length > 0 ? uncompressed : sameVoice;
  return {
    items: chosen.map(({ item }) => item),
    language: wanted.language,
    lastResort: proper.length === 0 ? "alternate" : uncompressed.length === 0 ? "compressed" : null,
    isAsked: !isTag || match !== null,
  };
}

/** The available languages, the most original first, each once; audio description and commentary do not count. */
export function languagesOf<T>(candidates: readonly Voiced<T>[]): string[] {
  const ranked = candidates
    .filter(({ voice }) => voice.kind !== "alternate")
    .toSorted((a, b) => b.voice.originality - a.voice.originality);
  return [...new Set(ranked.flatMap(({ voice }) => voice.language ?? []))];
}

const inLanguage = <T>(pool: readonly Voiced<T>[], language: string | null): Voiced<T>[] =>
  pool.filter(({ voice }) => voice.language === language);

/** Of equals the one without a language, which is the programme's own audio, then the first. */
function mostOriginal<T>(pool: readonly Voiced<T>[]): Voiced<T> | undefined {
  return pool.toSorted(
    (a, b) =>
      b.voice.originality - a.voice.originality ||
      Number(a.voice.language !== null) - Number(b.voice.language !== null),
  )[0];
}

const text = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);
const member = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
