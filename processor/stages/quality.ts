/**
 * The quality of a video as people name it: its shorter side.
 *
 * @example qualityName(1080, 1920) // "1080p"
 */
export function qualityName(
  width: number | null | undefined,
  height: number | null | undefined,
): string | null {
  if (!width || !height) return null;
  return `${Math.min(width, height)}p`;
}
