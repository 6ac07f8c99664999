import { useContext } from "preact/hooks";
import { LanguageContext } from "../texts/texts.ts";

/** How numbers, sizes and times are written in a language. What is not known is a dash. */
export interface Formats {
  readonly count: (value: number | null | undefined) => string;
  readonly bytes: (value: number | null | undefined) => string;
  /** @param value in units of 2^30 bytes, as the API counts quotas */
  readonly gibibytes: (value: number | null | undefined) => string;
  readonly percent: (share: number | null | undefined) => string;
  /** @param seconds also fractions */
  readonly duration: (seconds: number | null | undefined) => string;
  /** @param at epoch milliseconds */
  readonly time: (at: number | null | undefined) => string;
  /** @param date ISO 8601, in UTC */
  readonly day: (date: string) => string;
  readonly month: (period: string) => string;
}

const UNKNOWN = "–";
const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

const known =
  <T>(write: (value: T) => string) =>
  (value: T | null | undefined): string =>
    value === null || value === undefined ? UNKNOWN : write(value);

/** @param language dates are written as in the person's own country if that speaks it */
export function formatsOf(language: string): Formats {
  const quota = new Intl.NumberFormat(language, { maximumFractionDigits: 2 });
  const number = new Intl.NumberFormat(language);
  const percent = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 });
  const time = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  const day = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", timeZone: "UTC" });
  const month = new Intl.DateTimeFormat(language, { month: "long", year: "numeric", timeZone: "UTC" });
  return {
    count: known((value) => number.format(value)),
    bytes: known((value) => {
      const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, value)) / 3));
      return new Intl.NumberFormat(language, {
        style: "unit",
        unit: UNITS[power] ?? "byte",
        unitDisplay: power === 0 ? "long" : "short",
        maximumFractionDigits: power < 2 ? 0 : 1,
      }).format(value / 1000 ** power);
    }),
    gibibytes: known((value) => `${quota.format(value)} GiB`),
    percent: known((share) => percent.format(share)),
    duration: known(clock),
    time: known((at) => time.format(at)),
    day: (date) => day.format(new Date(`${date}T00:00:00Z`)),
    month: (period) => month.format(new Date(`${period}-01T00:00:00Z`)),
  };
}

/** @example clock(3725) // "1:02:05" @example clock(0.42) // "0.4 s" */
function clock(seconds: number): string {
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`;
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

export function useFormats(): Formats {
  const language = useContext(LanguageContext);
  return formatsOf(navigator.languages.find((tag) => tag.startsWith(language)) ?? language);
}
