import { useTexts } from "../texts/texts.ts";

interface PagerProps {
  readonly label: string;
  readonly onNewer: (() => void) | null;
  readonly onOlder: (() => void) | null;
  readonly text?: string;
}

/** Steps through pages of a list whose newest entries come first. */
export function Pager({ label, onNewer, onOlder, text }: PagerProps) {
  const texts = useTexts();
  if (!onNewer && !onOlder && text === undefined) return null;
  return (
    <nav class="pager" aria-label={label}>
      <button type="button" disabled={!onNewer} onClick={() => onNewer?.()}>
        {texts.newer}
      </button>
      <span>{text}</span>
      <button type="button" disabled={!onOlder} onClick={() => onOlder?.()}>
        {texts.older}
      </button>
    </nav>
  );
}
