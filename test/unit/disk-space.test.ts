import { describe, expect, it } from "vitest";
import { DiskSpace, type Volume } from "../../processor/run/disk-space.ts";
import { INITIAL_STATE, isFinal, next } from "../../schema/states.ts";

const MiB = 1 << 20;

/** A volume whose folders the test fills. */
function disk(totalMiB: number) {
  const written = new Map<string, number>();
  const used = (folder: string) => written.get(folder) ?? 0;
  const volume = (): Volume => {
    const taken = [...written.values()].reduce((sum, bytes) => sum + bytes, 0);
    return { total: totalMiB * MiB, free: totalMiB * MiB - taken };
  };
  const space = new DiskSpace({ volume: async () => volume(), used: async (folder) => used(folder) });
  return { space, write: (folder: string, mib: number) => written.set(folder, used(folder) + mib * MiB) };
}

describe("the disk of a processor", () => {
  it("keeps what was reserved, though nothing of it is written yet", async () => {
    const { space } = disk(1_000);
    await space.reserve("a", 500 * MiB);
    await expect(space.reserve("b", 500 * MiB)).rejects.toMatchObject({ code: "disk_full" });
    await space.reserve("b", 400 * MiB);
  });

  it("does not count twice what was written", async () => {
    const { space, write } = disk(1_000);
    await space.reserve("a", 400 * MiB);
    write("a", 400);
    await space.reserve("b", 500 * MiB);
  });

  it("has the room again when a run is over", async () => {
    const { space } = disk(1_000);
    await space.reserve("a", 900 * MiB);
    space.release("a");
    await space.reserve("b", 900 * MiB);
  });

  it("gives the same room to only one of many that ask at once", async () => {
    const { space } = disk(1_000);
    const asked = ["a", "b", "c", "d"].map((folder) => space.reserve(folder, 600 * MiB));
    const given = (await Promise.allSettled(asked)).filter(({ status }) => status === "fulfilled");
    expect(given).toHaveLength(1);
  });

  it("says at once what would not fit even if it were empty", async () => {
    const { space } = disk(1_000);
    await expect(space.reserve("a", 2_000 * MiB)).rejects.toMatchObject({
      code: "disk_full",
      party: "service",
      transient: false,
    });
  });
});

describe("a job without room on the disk", () => {
  const running = next(INITIAL_STATE, { type: "claimed" })?.state ?? INITIAL_STATE;
  const full = (transient: boolean | undefined) =>
    next(running, { type: "failed", code: "disk_full", transient, horizonLeftMs: 3_600_000 });

  it("is tried later, not five times at once", () => {
    let [state, now] = [running, 0];
    for (let tries = 0; tries < 5; tries++) {
      const move = next(state, { type: "failed", code: "disk_full", horizonLeftMs: 86_400_000 - now });
      now += move?.dueInMs ?? 0;
      state = next(move?.state ?? state, { type: "claimed" })?.state ?? state;
    }
    expect(state.status).toBe("Processing");
    expect(now).toBeGreaterThan(10 * 60_000);
  });

  it("fails at its first attempt where no instance can hold it", () => {
    expect(isFinal(full(false)?.state.status ?? "Pending")).toBe(true);
    expect(isFinal(full(undefined)?.state.status ?? "Pending")).toBe(false);
  });
});
