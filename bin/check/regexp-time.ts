import { type AST, RegExpParser, visitRegExpAST } from "@eslint-community/regexpp";
import { analyse } from "scslre";

/**
 * Why a regular expression may take more than linear time for some text; empty when none is known.
 *
 * Two kinds of it: scslre finds quantifiers that can give characters to each other, or that begin anew at each place
 * of a run. What it does not see is a beginning that can stand again and again inside of what follows it without a
 * limit, such as `user.*banned` or `<p>[^]*?</p>`: each of them is tried to the end of the text.
 */
export function slowParts(pattern: string, flags: string): string[] {
  const found = analyse({ source: pattern, flags }).reports.map(
    ({ type, exponential }) => `${KINDS[type]}${exponential ? ", in exponential time" : ""}`,
  );
  return [...new Set([...found, ...repeatedBeginnings(pattern, flags)])];
}

const KINDS = {
  Trade: "two quantifiers give characters to each other",
  Self: "a quantifier gives characters to itself",
  Move: "a quantifier begins anew at each place of a run",
} as const;

function repeatedBeginnings(pattern: string, flags: string): string[] {
  const unicode = flags.includes("u");
  const tree = new RegExpParser().parsePattern(pattern, 0, pattern.length, { unicode, unicodeSets: false });
  // a sticky one is tried at one place only
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
        slow.push(`what stands in front of ${quantifier.raw} can stand again inside of it`);
      }
    },
  });
  return slow;
}

/** What must stand in front of it in its sequence and those around; null where that begins at the beginning of a text. */
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

/** Nothing follows it that could fail. */
function isLast(node: AST.Quantifier): boolean {
  let child: AST.Node = node;
  for (let parent: AST.Node | null = node.parent; parent !== null; child = parent, parent = parent.parent) {
    if (parent.type === "Alternative" && parent.elements.at(-1) !== child) return false;
  }
  return true;
}

/** Whether this part of a beginning could be matched by text inside of the quantifier; anything unclear could. */
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
