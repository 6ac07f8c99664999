import { createCarrier } from "./carrier.ts";

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
  readonly waitUntil: (work: Promise<unknown>) => void;
}

/** Brings the statements of all requests to the database together, see {@link createCarrier}: one call, one write to the disk. */
export function createFlights({ call, waitUntil }: FlightOptions): RunQueries {
  const take = createCarrier<WaitingTask>({ carry: (tasks) => carry(tasks, call), waitUntil });
  return (queries) => {
    const task: WaitingTask = { queries, end: Promise.withResolvers() };
    return take(task) ? task.end.promise : unlessLost(task);
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
