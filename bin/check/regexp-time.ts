import { type AST, RegExpParser, visitRegExpAST } from "@eslint-community/regexpp";
import { analyse } from "scslre";

/**
 * Why a regular expression may take more than linear time for some text; empty if no reason is known.
 *
 * There are two kinds. scslre finds quantifiers that can exchange characters, or that restart at each position of a run.
 * It does not find a beginning that can occur again within the unlimited part that follows it, such as `user.*banned`
 * or `<p>[^]*?</p>`: each occurrence is tried up to the end of the text.
 */
export function slowParts(pattern: string, flags: string): string[] {
  const found = analyse({ source: pattern, flags }).reports.map(
    ({ type, exponential }) => `${KINDS[type]}${exponential ? ", in exponential time" : ""}`,
  );
  return [...new Set([...found, ...repeatedBeginnings(pattern, flags)])];
}

const KINDS = {
  Trade: "two quantifiers can exchange characters",
  Self: "a quantifier can exchange characters with itself",
  Move: "a quantifier restarts at each position of a run",
} as const;

function repeatedBeginnings(pattern: string, flags: string): string[] {
  const unicode = flags.includes("u");
  const tree = new RegExpParser().parsePattern(pattern, 0, pattern.length, { unicode, unicodeSets: false });
  // a sticky one is only tried at one position
  if (flags.includes("y")) return [];
  const slow: string[] = [];
  visitRegExpAST(tree, {
    onQuantifierEnter(quantifier) {
      if (quantifier.max !== Number.POSITIVE_INFINITY) return;
      const front = inFrontOf(quantifier);
      if (front === null || front.length === 0 || isLast(quantifier)) return;
      // regexp-ok: a part of our own, tried on single characters
      const inside = new RegExp(`^(?:${quantifier.element.raw})$`, flags.replace(/[gm]/g, ""));
      if (front.every((part) => couldStandIn(part, inside))) {
        slow.push(`what precedes ${quantifier.raw} can occur again within it`);
      }
    },
  });
  return slow;
}

/** What must precede it in its sequence and in the enclosing ones; null if that is anchored to the start of the text. */
function inFrontOf(node: AST.Quantifier): AST.Element[] | null {
  const parts: AST.Element[] = [];
  let child: AST.Node = node;
  for (let parent: AST.Node | null = node.parent; parent !== null; child = parent, parent = parent.parent) {
    if (parent.type !== "Alternative") continue;
    parts.unshift(...parent.elements.slice(0, parent.elements.indexOf(child as AST.Element)));
  }
  if (parts.some(({ type, ...part }) => type === "Assertion" && "kind" in part && part.kind === "start"))
    return null;
  return parts.filter(({ type }) => type !== "Assertion");
}

/** True if nothing that could fail follows it. */
function isLast(node: AST.Quantifier): boolean {
  let child: AST.Node = node;
  for (let parent: AST.Node | null = node.parent; parent !== null; child = parent, parent = parent.parent) {
    if (parent.type === "Alternative" && parent.elements.at(-1) !== child) return false;
  }
  return true;
}

/** Whether text within the quantifier could match this part of a beginning; if unclear, it could. */
function couldStandIn(part: AST.Element, inside: RegExp): boolean {
  if (part.type === "Character") return inside.test(String.fromCodePoint(part.value));
  if (part.type === "Group" || part.type === "CapturingGroup") {
    return part.alternatives.some(({ elements }) =>
      elements.every((element) => couldStandIn(element, inside)),
    );
  }
  if (part.type === "Quantifier") return part.min === 0 || couldStandIn(part.element, inside);
  return true;
}
