import type { Adjustment } from "../../../../schema/media.ts";
import { useTexts } from "../texts/texts.ts";

interface AdjustmentsProps {
  readonly title: string;
  readonly adjustments: readonly Adjustment[];
}

/** What was corrected in a request, and why. */
export function Adjustments({ title, adjustments }: AdjustmentsProps) {
  const texts = useTexts();
  if (adjustments.length === 0) return null;
  const written = (value: Adjustment["from"]) => (value === null ? texts.none : String(value));
  return (
    <div class="adjustments">
      <h3>{title}</h3>
      <ul>
        {adjustments.map(({ field, from, to, reason }) => (
          <li key={`${field} ${reason}`}>
            <strong>{texts.create.adjusted(field, written(from), written(to))}</strong>
            <span>{reason}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
