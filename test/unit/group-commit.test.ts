import { expect, it } from "vitest";
import { createGroupCommit, type Query, type Task, takeGroup } from "../../worker/embedded/group-commit.ts";

const query = (sql: string): Query => ({ sql, params: [], wants: "rows" });

/** A database whose calls end when the test says so. */
function startDatabase() {
  const calls: { readonly tasks: readonly Task[]; end(error?: Error): void }[] = [];
  const work: Promise<unknown>[] = [];
  const run = createGroupCommit({
    call: (group) =>
      new Promise((resolve, reject) => {
        const tasks = takeGroup(group);
        const end = (error?: Error) => {
          for (const task of tasks) {
            const [{ sql } = { sql: "" }] = task.queries;
            if (sql === "wrong") task.error = new Error("near wrong: syntax error");
            else task.results = [{ rows: [[sql]] }];
          }
          if (error) reject(error);
          else resolve();
        };
        calls.push({ tasks, end });
      }),
    waitUntil: (promise) => work.push(promise),
  });
  return { calls, work, run: (sql: string) => run([query(sql)]) };
}

const sqlOf = ({ tasks }: { readonly tasks: readonly Task[] } = { tasks: [] }) =>
  tasks.map(({ queries }) => queries.map(({ sql }) => sql).join());

it("asks at once for a request that comes alone, and together for those that come meanwhile", async () => {
  const { calls, work, run } = startDatabase();
  const first = run("a");
  expect(calls.map(sqlOf)).toEqual([["a"]]);
  const others = [run("b"), run("c")];
  expect(calls).toHaveLength(1);
  calls[0]?.end();
  expect(await first).toEqual([{ rows: [["a"]] }]);
  await expect.poll(() => calls.map(sqlOf)).toEqual([["a"], ["b", "c"]]);
  calls[1]?.end();
  expect(await Promise.all(others)).toEqual([[{ rows: [["b"]] }], [{ rows: [["c"]] }]]);
  await Promise.all(work);
  const next = run("d");
  expect(calls.map(sqlOf)).toEqual([["a"], ["b", "c"], ["d"]]);
  calls[2]?.end();
  expect(await next).toEqual([{ rows: [["d"]] }]);
});

it("reports a failed statement to its own request only", async () => {
  const { calls, run } = startDatabase();
  const first = run("a");
  const [wrong, right] = [run("wrong"), run("b")];
  calls[0]?.end();
  await first;
  await expect.poll(() => calls).toHaveLength(2);
  calls[1]?.end();
  await expect(wrong).rejects.toThrow("syntax error");
  expect(await right).toEqual([{ rows: [["b"]] }]);
});

it("acknowledges nothing of a group whose writes did not reach the disk", async () => {
  const { calls, run } = startDatabase();
  const first = run("a");
  const others = Promise.allSettled([run("b"), run("c")]);
  calls[0]?.end();
  await first;
  await expect.poll(() => calls).toHaveLength(2);
  calls[1]?.end(new Error("disk I/O error"));
  expect((await others).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  const after = run("d");
  calls[2]?.end();
  expect(await after).toEqual([{ rows: [["d"]] }]);
});
