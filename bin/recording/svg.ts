import type { Shown } from "./terminal.ts";

const CHARACTER = { width: 8.4, height: 20 } as const;
const MARGIN = 20;
const TITLE_BAR = 36;
/** Seconds that the end stays before the recording begins again. */
const REST = 5;
/** Widest line, in characters. */
const COLUMNS = 100;

/**
 * A recording as an animated SVG, which repeats. It has no script and loads nothing; with reduced motion it shows the end.
 *
 * @param title of the window
 */
export function recordingSvg(shown: readonly Shown[], title: string): string {
  const rows = Math.max(...shown.map(({ row }) => row)) + 1;
  const total = Math.max(...shown.map(({ from }) => from)) + REST;
  const [width, height] = [
    2 * MARGIN + COLUMNS * CHARACTER.width,
    TITLE_BAR + 2 * MARGIN + rows * CHARACTER.height,
  ];
  const percent = (seconds: number) => `${((100 * seconds) / total).toFixed(2)}%`;
  const frames = shown.map(({ from, to }, index) => {
    const begin = `0%{opacity:0}${percent(from)}{opacity:1}`;
    const end = to === null ? "100%{opacity:1}" : `${percent(to)}{opacity:0}100%{opacity:0}`;
    return `@keyframes s${index}{${begin}${end}}`;
  });
  const texts = shown.map(({ row, text, to }, index) => {
    const y = TITLE_BAR + MARGIN + (row + 0.75) * CHARACTER.height;
    const passing = to === null ? "" : ' class="passing"';
    return `<text x="${MARGIN}" y="${y}"${passing} style="animation-name:s${index}">${escaped(text.slice(0, COLUMNS))}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">
<style>
text{font:14px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#e4ebef;white-space:pre;animation:0s step-end infinite;animation-duration:${total.toFixed(2)}s}
.title{fill:#a2b3be;animation:none}
@media (prefers-reduced-motion:reduce){text{animation:none}.passing{display:none}}
${frames.join("\n")}
</style>
<rect width="${width}" height="${height}" rx="10" fill="#0e1418"/>
<circle cx="22" cy="20" r="6" fill="#ff9d94"/><circle cx="42" cy="20" r="6" fill="#efc06a"/><circle cx="62" cy="20" r="6" fill="#71d39c"/>
<text class="title" x="${width / 2}" y="25" text-anchor="middle">${escaped(title)}</text>
${texts.join("\n")}
</svg>
`;
}

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
