import { UnsupportedMediaError } from "../isobmff/box-view.ts";

/** The tables that say what a transport stream contains. */

/** Packet id of the table that lists all programs. */
export const PROGRAMS_PID = 0;
const PROGRAMS = 0;
const PROGRAM = 2;
const LANGUAGE = 0x0a;
/** "und": it is not stated. */
const UNKNOWN_LANGUAGE = "und";

/** One stream of a program. */
export interface ProgramStream {
  readonly pid: number;
  /** Stream type as ISO 13818-1 numbers them. */
  readonly type: number;
  /** Three letters. */
  readonly language: string;
}

/**
 * Packet id of the table of the only program.
 *
 * @param unit a pointer, followed by the table
 * @throws UnsupportedMediaError for several programs; RangeError for damage
 */
export function readPrograms(unit: Buffer): number {
  const table = tableIn(unit, PROGRAMS);
  const pids: number[] = [];
  for (let at = 8; at + 4 <= table.length; at += 4) {
    if (table.readUInt16BE(at) !== 0) pids.push(table.readUInt16BE(at + 2) & 0x1fff);
  }
  const [pid] = pids;
  if (pid === undefined || pids.length > 1) throw new UnsupportedMediaError("several programs");
  return pid;
}

/** The streams of a program, in their order. @throws UnsupportedMediaError, RangeError */
export function readProgram(unit: Buffer): ProgramStream[] {
  const table = tableIn(unit, PROGRAM);
  const streams: ProgramStream[] = [];
  let at = 12 + (table.readUInt16BE(10) & 0xfff);
  while (at < table.length) {
    const end = at + 5 + (table.readUInt16BE(at + 3) & 0xfff);
    const [type, pid] = [table.readUInt8(at), table.readUInt16BE(at + 1) & 0x1fff];
    streams.push({ type, pid, language: languageIn(table.subarray(at + 5, end)) });
    at = end;
  }
  return streams;
}

function languageIn(descriptors: Buffer): string {
  for (let at = 0; at + 5 <= descriptors.length; at += 2 + descriptors.readUInt8(at + 1)) {
    const text = descriptors.toString("latin1", at + 2, at + 5).toLowerCase();
    if (descriptors.readUInt8(at) === LANGUAGE && /^[a-z]{3}$/.test(text)) return text;
  }
  return UNKNOWN_LANGUAGE;
}

/** Without the checksum at its end. */
function tableIn(unit: Buffer, type: number): Buffer {
  const start = 1 + unit.readUInt8(0);
  const end = start + 3 + (unit.readUInt16BE(start + 1) & 0xfff);
  if (unit.readUInt8(start) !== type || end > unit.length) throw new UnsupportedMediaError("another table");
  return unit.subarray(start, end - 4);
}
