import type { ComponentChildren } from "preact";

/** A column of a table. */
export interface Column<T> {
  readonly head: string;
  readonly cell: (row: T) => ComponentChildren;
  readonly isNumber?: boolean;
  /** The cell that names the row. */
  readonly isName?: boolean;
}

interface TableProps<T> {
  readonly label: string;
  readonly rows: readonly T[];
  readonly columns: readonly Column<T>[];
  readonly keyOf: (row: T) => string;
  /** A row below the row, over its whole width. */
  readonly below?: (row: T) => ComponentChildren;
}

/** A table; on narrow screens each row becomes a block whose cells carry the heads of their columns. */
export const Table = <T,>({ label, rows, columns, keyOf, below }: TableProps<T>) => (
  <table class="stacked" aria-label={label}>
    <thead>
      <tr>
        {columns.map(({ head, isNumber }) => (
          <th key={head} scope="col" class={isNumber ? "number" : undefined}>
            {head}
          </th>
        ))}
      </tr>
    </thead>
    <tbody>
      {rows.map((row) => {
        const more = below?.(row);
        return [
          <tr key={keyOf(row)}>
            {columns.map(({ head, cell, isNumber, isName }) =>
              isName ? (
                <th key={head} scope="row">
                  {cell(row)}
                </th>
              ) : (
                <td key={head} class={isNumber ? "number" : undefined} data-head={head}>
                  {cell(row)}
                </td>
              ),
            )}
          </tr>,
          more && (
            <tr key={`${keyOf(row)}.more`} class="below">
              <td colSpan={columns.length}>{more}</td>
            </tr>
          ),
        ];
      })}
    </tbody>
  </table>
);
