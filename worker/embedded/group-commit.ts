import { createBatcher } from "./batcher.ts";

/** One statement with its parameters. */
export interface Query {
  readonly sql: string;
  readonly params: readonly SqlStorageValue[];
  /** What is read in addition to the rows: nothing, the names of their columns, or everything. Less is quicker. */
  readonly wants: "rows" | "columns" | "everything";
}

/** What a statement returned. */
export interface Rows {
  readonly rows: readonly (readonly SqlStorageValue[])[];
  readonly columns?: readonly string[];
  readonly facts?: {
    readonly rowsRead: number;
    readonly rowsWritten: number;
    /** Rows that the last writing statement changed. */
    readonly changes: number;
    /** Size of the database, in bytes. */
    readonly size: number;
  };
}

/** Statements that run as one transaction, and their results. */
export interface Task {
  readonly queries: readonly Query[];
  results?: readonly Rows[];
  error?: unknown;
}

/** Runs statements as one transaction; the results have their order. @throws Error with SQLite's words */
export type RunQueries = (queries: readonly Query[]) => Promise<readonly Rows[]>;

/** A task with the request that waits for it. */
interface WaitingTask extends Task {
  readonly end: PromiseWithResolvers<readonly Rows[]>;
}

/** Nothing takes the database that long: the request that sent the task was stopped. */
const LOST_MS = 60_000;

/** Tasks on their way to the database, which is in the same isolate: nothing is copied. */
const groups = new Map<number, readonly Task[]>();
let groupNumber = 0;

/** The tasks of a group, which is then removed. */
export function takeGroup(group: number): readonly Task[] {
  const tasks = groups.get(group);
  groups.delete(group);
  if (tasks === undefined)
    throw new Error(`The database does not know group ${group}: it is in another isolate`);
  return tasks;
}

interface GroupCommitOptions {
  /** Asks the database to run a group; resolves when everything it wrote is on the disk. */
  readonly call: (group: number) => Promise<void>;
  readonly waitUntil: (work: Promise<unknown>) => void;
}

/** Sends the statements of all requests to the database in groups, see {@link createBatcher}: one call, one write to the disk. */
export function createGroupCommit({ call, waitUntil }: GroupCommitOptions): RunQueries {
  const add = createBatcher<WaitingTask>({ process: (tasks) => commit(tasks, call), waitUntil });
  return (queries) => {
    const task: WaitingTask = { queries, end: Promise.withResolvers() };
    return add(task) ? task.end.promise : unlessLost(task);
  };
}

async function commit(tasks: readonly WaitingTask[], call: GroupCommitOptions["call"]): Promise<void> {
  groupNumber += 1;
  const group = groupNumber;
  groups.set(group, tasks);
  try {
    await call(group);
    for (const { end, results, error } of tasks) {
      if (results) end.resolve(results);
      else end.reject(error);
    }
  } catch (error) {
    // what the group wrote is not on the disk
    for (const { end } of tasks) end.reject(error);
  } finally {
    groups.delete(group);
  }
}

/** A request that only waits for another one needs a timer: the platform would take it for hung. */
function unlessLost({ end }: WaitingTask): Promise<readonly Rows[]> {
  const timer = setTimeout(() => end.reject(new Error("The database did not answer")), LOST_MS);
  return end.promise.finally(() => clearTimeout(timer));
}
