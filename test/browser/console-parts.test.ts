import { describe, expect, it } from "vitest";
import { jobOptions } from "../../schema/api/job-request.ts";
import { formatsOf } from "../../worker/console/app/lib/format.ts";
import { parseMetrics } from "../../worker/console/app/lib/metrics.ts";
import { bodyOf } from "../../worker/console/app/lib/request-fields.ts";
import { href, parseHash } from "../../worker/console/app/lib/route.ts";
import { OPTION_FIELDS, OPTION_GROUPS } from "../../worker/console/app/pages/create/option-groups.ts";
import { de } from "../../worker/console/app/texts/de.ts";
import { en } from "../../worker/console/app/texts/en.ts";
import { preferredLanguage } from "../../worker/console/app/texts/texts.ts";

/** Paths of all texts of a table. */
const pathsOf = (table: object, at = ""): string[] =>
  Object.entries(table).flatMap(([name, value]) =>
    typeof value === "object" && value !== null ? pathsOf(value, `${at}${name}.`) : [`${at}${name}`],
  );
const textAt = (table: object, path: string): unknown =>
  path.split(".").reduce<unknown>((value, name) => (value as Record<string, unknown>)[name], table);

describe("the console's texts", () => {
  it("have the same keys in both languages, and none is empty in only one", () => {
    expect(pathsOf(de)).toEqual(pathsOf(en));
    const lopsided = pathsOf(en).filter((path) => (textAt(en, path) === "") !== (textAt(de, path) === ""));
    expect(lopsided).toEqual([]);
  });

  it("are translated: only names and words that both languages share are equal", () => {
    const equal = pathsOf(en).filter(
      (path) => textAt(en, path) === textAt(de, path) && textAt(en, path) !== "",
    );
    expect(equal.length).toBeLessThan(pathsOf(en).length * 0.1);
  });

  it("follow the language that the browser asks for", () => {
    expect(preferredLanguage(["", "fr-FR", "de-AT", "en"])).toBe("de");
    expect(preferredLanguage(["ja"])).toBe("en");
  });
});

describe("the form for a job", () => {
  it("has every option of the API once, except for the storage, which has its own form", () => {
    const shown = OPTION_GROUPS.flatMap(({ fields }) => fields.map(({ name }) => name));
    expect(shown.toSorted()).toEqual(
      Object.keys(jobOptions)
        .filter((name) => name !== "storage")
        .toSorted(),
    );
  });

  it("sends only what was filled in, with the types of the API", () => {
    const entered = { format: "mkv", video_quality: "20", audio_only: false, paused: true, folder: "" };
    expect(bodyOf(OPTION_FIELDS, { ...entered, subtitle_languages: "en, de" })).toEqual({
      ...{ format: "mkv", video_quality: 20, paused: true, subtitle_languages: ["en", "de"] },
    });
    expect(bodyOf(OPTION_FIELDS, { video_quality: "good" })).toEqual({ video_quality: "good" });
  });
});

it("addresses of pages are read back as they were written", () => {
  const { path, query } = parseHash(href("jobs", { search: "a&b=ü", status: "" }));
  expect([path, query.get("search"), query.get("status")]).toEqual([["jobs"], "a&b=ü", null]);
});

it("numbers are written as the language writes them", () => {
  const write = formatsOf("de");
  expect([write.bytes(1_400_000), write.bytes(0), write.duration(3725), write.duration(null)]).toEqual([
    ...["1,4 MB", "0 Byte", "1:02:05", "–"],
  ]);
});

it("metrics are parsed with their labels", () => {
  expect(
    parseMetrics('# HELP a b\nwaterspout_jobs_stored{status="Failed"} 3\nwaterspout_jobs_due 0\n'),
  ).toEqual([
    { name: "waterspout_jobs_stored", labels: { status: "Failed" }, value: 3 },
    { name: "waterspout_jobs_due", labels: {}, value: 0 },
  ]);
});
