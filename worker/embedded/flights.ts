/** One statement with its parameters. */
export interface Query {
  readonly sql: string;
  readonly params: readonly SqlStorageValue[];
  /** Whether only the rows are read, which is quicker. */
  readonly wants: "rows" | "everything";
}

/** What a statement returned. */
export interface Rows {
  readonly rows: readonly (readonly SqlStorageValue[])[];
  readonly facts?: {
    readonly columns: readonly string[];
    readonly rowsRead: number;
    readonly rowsWritten: number;
    /** Rows that the last writing statement changed. */
    readonly changes: number;
    /** Size of the database, in bytes. */
    readonly size: number;
  };
}

/** Statements that run as one transaction, and what came of them. */
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

/** A flight that takes longer is not waited for; tasks that come then fly without it. */
const LATE_MS = 10_000;
/** Nothing takes the database that long: whoever carried the task was stopped. */
const LOST_MS = 60_000;

/** Tasks on their way to the database, which is in the same isolate: nothing is copied. */
const flights = new Map<number, readonly Task[]>();
let flightNumber = 0;

/** The tasks of a flight that has arrived. */
export function takeFlight(flight: number): readonly Task[] {
  const tasks = flights.get(flight);
  flights.delete(flight);
  if (tasks === undefined)
    throw new Error(`The database does not know flight ${flight}: it is in another isolate`);
  return tasks;
}

interface FlightOptions {
  /** Asks the database to run a flight; resolves when everything it wrote is on the disk. */
  readonly call: (flight: number) => Promise<void>;
  /** Lets work go on when the request that does it has ended. */
  readonly waitUntil: (work: Promise<unknown>) => void;
}

/**
 * Brings statements to the database. One call of the database takes what all requests asked for while the call before was
 * under way, so that a busy server pays for the call and for the write to the disk once for many requests; a request that
 * comes alone does not wait. A request that finds no call under way makes it, and goes on until nothing waits.
 */
export function createFlights({ call, waitUntil }: FlightOptions): RunQueries {
  let waiting: WaitingTask[] = [];
  /** When the current flight began, in epoch milliseconds; null without one. */
  let flyingSince: number | null = null;

  async function fly(): Promise<void> {
    while (waiting.length > 0) {
      const tasks = waiting;
      waiting = [];
      flyingSince = Date.now();
      await carry(tasks, call);
    }
    flyingSince = null;
  }

  return (queries) => {
    const task: WaitingTask = { queries, end: Promise.withResolvers() };
    waiting.push(task);
    if (flyingSince === null || Date.now() - flyingSince > LATE_MS) {
      // the others' tasks need it, even when this request's client is gone
      waitUntil(fly());
      return task.end.promise;
    }
    return unlessLost(task);
  };
}

async function carry(tasks: readonly WaitingTask[], call: FlightOptions["call"]): Promise<void> {
  flightNumber += 1;
  const flight = flightNumber;
  flights.set(flight, tasks);
  try {
    await call(flight);
    for (const { end, results, error } of tasks) {
      if (results) end.resolve(results);
      else end.reject(error);
    }
  } catch (error) {
    // what the flight wrote is not on the disk
    for (const { end } of tasks) end.reject(error);
  } finally {
    flights.delete(flight);
  }
}

/** A request that only waits for another one needs a timer: the platform would take it for hung. */
function unlessLost({ end }: WaitingTask): Promise<readonly Rows[]> {
  const timer = setTimeout(() => end.reject(new Error("The database did not answer")), LOST_MS);
  return end.promise.finally(() => clearTimeout(timer));
}
