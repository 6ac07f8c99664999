import { useState } from "preact/hooks";
import { useTexts } from "../texts/texts.ts";

interface CopyButtonProps {
  readonly value: string;
  /** What is copied, for screen readers. */
  readonly label: string;
}

export function CopyButton({ value, label }: CopyButtonProps) {
  const texts = useTexts();
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(value);
    setCopied(true);
  };
  return (
    <button type="button" class="small" aria-label={`${texts.copy}: ${label}`} onClick={() => void copy()}>
      {isCopied ? texts.copied : texts.copy}
    </button>
  );
}
