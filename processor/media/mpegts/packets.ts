import { UnsupportedMediaError } from "../isobmff/box-view.ts";
import { ByteBuffer } from "./byte-buffer.ts";

/** The packets of a transport stream (ISO 13818-1), and the units that they carry, by packet id. */

export const PACKET_BYTES = 188;
/** The first byte of each packet. */
export const SYNC_BYTE = 0x47;
/** Packet id of null packets, and the bits of all packet ids. */
export const NULL_PID = 0x1fff;

/** A larger packet of an elementary stream is damaged. */
const MAX_UNIT_BYTES = 16 << 20;
const FIRST_UNIT_BYTES = 256 << 10;

/**
 * Receives a complete unit: a packet of an elementary stream, or the beginning of a table. Its bytes are only borrowed.
 */
export type UnitSink = (unit: Buffer) => void;

/** Assembles the units of one packet id. */
class Assembly {
  readonly #onUnit: UnitSink;
  readonly #unit = new ByteBuffer(FIRST_UNIT_BYTES);
  readonly #isTable: boolean;
  /** Of the last packet, from 0 to 15; null if the next one need not continue the count. */
  #count: number | null = null;

  constructor(onUnit: UnitSink, isTable: boolean) {
    this.#onUnit = onUnit;
    this.#isTable = isTable;
  }

  /** @throws UnsupportedMediaError if a packet is missing */
  count(count: number): void {
    if (this.#count !== null && count !== ((this.#count + 1) & 15))
      throw new UnsupportedMediaError("a packet is missing");
    this.#count = count;
  }

  /** Something else follows, with a new count. */
  break(): void {
    this.#count = null;
  }

  add(bytes: Buffer, start: number, end: number, isFirst: boolean): void {
    if (isFirst) this.end();
    // what comes before the first beginning belongs to nothing
    else if (this.#unit.length === 0) return;
    if (this.#unit.length > MAX_UNIT_BYTES) throw new UnsupportedMediaError("a packet without an end");
    this.#unit.append(bytes, start, end);
    // a table is used as soon as it is complete, and may be repeated
    if (this.#isTable && isWholeTable(this.#unit.bytes)) this.end();
  }

  /** Nothing more of the unit will come. */
  end(): void {
    if (this.#unit.length === 0) return;
    this.#onUnit(this.#unit.bytes);
    this.#unit.clear();
  }
}

/** A table follows a pointer and states its length after its type. */
function isWholeTable(unit: Buffer): boolean {
  const start = 1 + (unit[0] ?? 0);
  return unit.length >= start + 3 && unit.length >= start + 3 + (unit.readUInt16BE(start + 1) & 0xfff);
}

/**
 * Takes a transport stream apart.
 *
 * @example
 * const packets = new TransportPackets();
 * packets.follow(0, takeTable, true);
 * for await (const chunk of chunks) packets.push(chunk);
 * packets.end();
 */
export class TransportPackets {
  readonly #assemblies = new Map<number, Assembly>();
  /** The beginning of a packet that continues in the next chunk. */
  readonly #begun = new ByteBuffer(PACKET_BYTES);

  /** From now on, passes on the units of this packet id; a registration stays. */
  follow(pid: number, onUnit: UnitSink, isTable = false): void {
    if (!this.#assemblies.has(pid)) this.#assemblies.set(pid, new Assembly(onUnit, isTable));
  }

  /** @throws UnsupportedMediaError if no packet begins or one is encrypted */
  push(chunk: Buffer): void {
    let position = 0;
    if (this.#begun.length > 0) {
      position = Math.min(chunk.length, PACKET_BYTES - this.#begun.length);
      this.#begun.append(chunk, 0, position);
      if (this.#begun.length < PACKET_BYTES) return;
      this.#take(this.#begun.bytes, 0);
      this.#begun.clear();
    }
    const last = chunk.length - PACKET_BYTES;
    for (; position <= last; position += PACKET_BYTES) this.#take(chunk, position);
    this.#begun.append(chunk, position, chunk.length);
  }

  /** @throws UnsupportedMediaError if the last packet is incomplete */
  end(): void {
    if (this.#begun.length > 0) throw new UnsupportedMediaError("half a packet at the end");
    for (const assembly of this.#assemblies.values()) assembly.end();
  }

  #take(bytes: Buffer, at: number): void {
    const head = bytes.readUInt32BE(at);
    if (head >>> 24 !== SYNC_BYTE) throw new UnsupportedMediaError("no packet where one must begin");
    const pid = (head >>> 8) & 0x1fff;
    const fieldBytes = (head & 0x20) === 0 ? 0 : 1 + (bytes[at + 4] ?? 0);
    const isBreak = fieldBytes > 1 && ((bytes[at + 5] ?? 0) & 0x80) !== 0;
    // what a null packet announces concerns all
    if (isBreak && pid === NULL_PID) for (const assembly of this.#assemblies.values()) assembly.break();
    const assembly = this.#assemblies.get(pid);
    if (!assembly) return;
    if (isBreak) assembly.break();
    if ((head & 0x8000c0) !== 0) throw new UnsupportedMediaError("a damaged or encrypted packet");
    if ((head & 0x10) === 0) return;
    assembly.count(head & 15);
    const start = at + 4 + fieldBytes;
    const end = at + PACKET_BYTES;
    if (start < end) assembly.add(bytes, start, end, (head & 0x400000) !== 0);
  }
}
