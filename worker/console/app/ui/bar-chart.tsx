import { useTexts } from "../texts/texts.ts";

/** One part of each bar. */
export interface Series<T> {
  readonly name: string;
  readonly tone: "good" | "bad" | "quiet" | "accent";
  readonly value: (row: T) => number;
}

interface BarChartProps<T> {
  readonly title: string;
  readonly rows: readonly T[];
  readonly series: readonly Series<T>[];
  readonly labelOf: (row: T) => string;
  readonly write: (value: number) => string;
}

const WIDTH = 720;
const HEIGHT = 180;
const FOOT = 22;
const LEFT = 72;

/** Stacked bars, one for each row. The same numbers stand in a table, which screen readers and keyboards reach. */
export function BarChart<T>({ title, rows, series, labelOf, write }: BarChartProps<T>) {
  const texts = useTexts();
  const totals = rows.map((row) => series.reduce((sum, { value }) => sum + value(row), 0));
  const top = niceTop(Math.max(1, ...totals));
  const plot = HEIGHT - FOOT;
  const step = (WIDTH - LEFT) / Math.max(1, rows.length);
  const every = Math.ceil(rows.length / 10);
  return (
    <figure class="chart">
      <figcaption>
        <span>{title}</span>
        <span class="legend" aria-hidden="true">
          {series.length > 1 &&
            series.map(({ name, tone }) => (
              <span key={name} class={`key ${tone}`}>
                {name}
              </span>
            ))}
        </span>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={title}>
        {[0, 0.5, 1].map((share) => (
          <g key={share}>
            <line class="grid" x1={LEFT} x2={WIDTH} y1={plot * (1 - share) + 1} y2={plot * (1 - share) + 1} />
            <text class="scale" x={LEFT - 8} y={plot * (1 - share) + (share === 1 ? 12 : 4)}>
              {write(top * share)}
            </text>
          </g>
        ))}
        {rows.map((row, index) => {
          let below = 0;
          return (
            <g key={labelOf(row)}>
              <title>{`${labelOf(row)}: ${series.map(({ name, value }) => `${name} ${write(value(row))}`).join(", ")}`}</title>
              {series.map(({ name, tone, value }) => {
                const height = (value(row) / top) * (plot - 6);
                below += height;
                return (
                  <rect
                    key={name}
                    class={tone}
                    x={LEFT + index * step + step * 0.15}
                    y={plot - below}
                    width={step * 0.7}
                    height={height}
                  />
                );
              })}
              {index % every === 0 && (
                <text
                  class={index % (every * 2) === 0 ? "tick" : "tick minor"}
                  x={LEFT + index * step + step / 2}
                  y={HEIGHT - 5}
                >
                  {labelOf(row)}
                </text>
              )}
            </g>
          );
        })}
      </svg>
      <details class="plain">
        <summary>{texts.usage.asTable}</summary>
        <table aria-label={title}>
          <thead>
            <tr>
              <th scope="col">{texts.usage.day}</th>
              {series.map(({ name }) => (
                <th key={name} scope="col" class="number">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={labelOf(row)}>
                <th scope="row">{labelOf(row)}</th>
                {series.map(({ name, value }) => (
                  <td key={name} class="number">
                    {write(value(row))}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}

/** The next number of the form 1, 2, 3, 4, 6 or 8 times a power of ten. @example niceTop(37) // 40 */
function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 3, 4, 6, 8, 10].find((step) => step * power >= value) ?? 10;
  return Math.max(2, factor * power);
}
