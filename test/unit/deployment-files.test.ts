import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { inRoot } from "../../bin/stack/paths.ts";

const read = (...path: string[]) => readFileSync(inRoot(...path), "utf8");
const stagesOf = (file: string) => file.split(/^(?=FROM )/m).slice(1);

it("builds the tools of both images in the same way", () => {
  const ofProcessor = stagesOf(read("processor", "Dockerfile"));
  const ofAll = stagesOf(read("bin", "image", "Dockerfile"));
  for (const name of ["ffmpeg", "ytdlp"]) {
    const commands = (stages: string[]) =>
      stages
        .find((stage) => stage.startsWith(`FROM \${NODE_IMAGE} AS ${name}\n`))
        ?.split("\n")
        .filter((line) => line !== "" && !line.startsWith("#"));
    expect(commands(ofAll)).toEqual(commands(ofProcessor));
    expect(commands(ofAll)).not.toBeUndefined();
  }
  const baseOf = (file: string) => /^ARG NODE_IMAGE=.*$/m.exec(file)?.[0];
  expect(baseOf(read("bin", "image", "Dockerfile"))).toBe(baseOf(read("processor", "Dockerfile")));
});

it("pins every image of the compose file by its version, and gives none more than it needs", () => {
  const services = read("compose.yaml").split(/^ {2}(?=[a-z-]+:\n)/m);
  const images = services.flatMap((service) => /^ {4}image: (\S+)$/m.exec(service)?.[1] ?? []);
  expect(images.length).toBeGreaterThan(3);
  expect(images.filter((image) => !/:[\w.-]*\d[\w.-]*$|:local$/.test(image))).toEqual([]);
  for (const service of services.filter((text) => text.includes("image:"))) {
    expect(service).toContain("cap_drop: [ALL]");
    expect(service).toContain("no-new-privileges:true");
  }
});
