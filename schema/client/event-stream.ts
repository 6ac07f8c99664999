/** One event of a `text/event-stream`. */
export interface ServerSentEvent {
  /** `message` where the stream names none. */
  readonly event: string;
  /** The last id that the stream has sent so far. */
  readonly id: string;
  readonly data: string;
}

/** Reads an event stream in pieces, wherever they are cut; comments are skipped. */
export class EventStreamReader {
  /** How long to wait before the stream is resumed, in milliseconds, as the server asked. */
  retryMs: number | null = null;
  #rest = "";
  #started = false;
  #event = "";
  #id = "";
  #data: string[] = [];

  /** @returns the events that the piece completes */
  push(piece: string): ServerSentEvent[] {
    const text = this.#rest + (this.#started ? piece : piece.replace(/^\uFEFF/, ""));
    if (piece !== "") this.#started = true;
    // a carriage return at the very end may be the first half of a line break
    const whole = text.endsWith("\r") ? text.slice(0, -1) : text;
    const lines = whole.split(/\r\n|\r|\n/);
    this.#rest = (lines.pop() ?? "") + text.slice(whole.length);
    return lines.flatMap((line) => this.#take(line) ?? []);
  }

  #take(line: string): ServerSentEvent | null {
    if (line === "") return this.#complete();
    const [, name = "", value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === "event") this.#event = value;
    else if (name === "data") this.#data.push(value);
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    else if (name === "retry" && /^\d+$/.test(value)) this.retryMs = Number(value);
    return null;
  }

  #complete(): ServerSentEvent | null {
    const data = this.#data;
    const event = this.#event || "message";
    this.#data = [];
    this.#event = "";
    return data.length === 0 ? null : { event, id: this.#id, data: data.join("\n") };
  }
}
