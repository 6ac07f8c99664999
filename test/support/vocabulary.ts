/** A forbidden word, and what to write instead. */
export interface FormerWord {
  readonly word: RegExp;
  readonly say: string;
  /** Files in which the word means something else: a site's own text, a name of a specification, SQL that waits for its contract step. */
  readonly except?: RegExp;
}

/** Texts of sites and tools, quoted. */
const QUOTED = "^test/fixtures/|tool-errors\\.ts$";
const except = (...more: string[]): RegExp => new RegExp([QUOTED, ...more].join("|"));

/** Words that readers stumbled over. The test looks for them in code, comments, docs and the OpenAPI document. */
export const FORMER_WORDS: readonly FormerWord[] = [
  // webhooks and queues
  {
    word: /notice(?!able)(?!s when it)/i,
    say: "webhook event, webhook delivery",
    except: except("queues/deliveries\\.ts$", "^docs/decisions/", "^wrangler\\.toml$"),
  },
  {
    word: /(?<![A-Z]-)(?<![a-z]{3})hint|\bHint/i,
    say: "dispatch message, enqueue_due_at",
    except: except(
      "^schema/db/tables/",
      "^wrangler\\.toml$",
      "^docs/decisions/",
      "worker-death\\.test\\.ts$",
      "chaos/database\\.ts$",
      // German
      "console/app/texts/de\\.ts$",
      "container-runner\\.ts$",
      "processor-instance\\.ts$",
      "hls",
    ),
  },
  // the Worker
  { word: /openScope|withScope|with-scope/, say: "createContext, withContext" },
  { word: /companion/i, say: "guarded statement" },
  { word: /unmoved/i, say: "guard" },
  { word: /isBehind|nextInLine|firstInLine/, say: "isPreceded, nextInQueue, firstInQueue" },
  { word: /BatchKeeper|batch-keeper/, say: "BatchCoordinator" },
  {
    word: /leftover/i,
    say: "orphaned upload",
    except: except("^schema/db/tables/", "^docs/decisions/", "^wrangler\\.toml$"),
  },
  { word: /StorageClosing|storage-closing|closeStorage/, say: "StorageFinalization, finalizeStorage" },
  { word: /RunBeat/, say: "RunHeartbeat" },
  // the processor
  { word: /inTurns|\bGathering\b|\btakes? turns\b/, say: "interleave, SampleBuffer, alternate" },
  { word: /\b[kK]it\b(?<!drizzle-kit)/, say: "ProcessorDependencies" },
  { word: /[wW]ayOut|way-out|\bway out\b/, say: "source network" },
  { word: /(?<!Unit)[sS]inks?\b|Sink[A-Z]/, say: "object store" },
  {
    word: /\bUnusual\b|LyingRange|ChangedSource|NotOneStream|SealBroken|DirectoriesAway|ApiFailure/,
    say: "UnsupportedMediaError, RangeMismatchError, SourceChangedError, NotConcatenableError, UnsealError, DirectoryUnavailableError, WaterspoutError",
  },
  {
    word: /PictureStream|SoundStream|\bpictures? (and|or) sound|\bsounds? (and|or) pictures?/i,
    say: "VideoStream, AudioStream; video and audio",
  },
  { word: /(?<![?"'/=])\bsounds?\b(?!["'/=])/i, say: "audio", except: except() },
  { word: /pourSpan|\bpour(s|ed)?\b/, say: "streamRange, streamTo" },
  { word: /\b(lend|lends|lent)\b/, say: "borrowed" },
  { word: /Xml(Client|Upload)/, say: "S3ApiClient, MultipartUpload" },
  { word: /Repeater|\bPersistence\b|\b[pP]atience\b/, say: "Retrier, RetryOptions" },
  { word: /[sS]urroundings/, say: "Platform" },
  // prose
  {
    word: /\buntold\b|\btold\b(?! (to|apart|what|how|that|this number)\b)/i,
    say: "reported, stated, said",
  },
  {
    word: /\btells?\b(?! (us|me|apart|the|those|a|an|its|it|egress_blocked|`egress_blocked`|Azure|them)\b)/i,
    say: "reports, says",
    except: except(),
  },
  { word: /\b(becomes?|became) of (it|them|the|a)\b|\bcame of\b/i, say: "the result, the state of" },
  { word: /\b(be|been|not) had\b/, say: "fetched, available" },
  { word: /\bby (itself|themselves)\b/, say: "automatically, on its own" },
  { word: /\bwhoever\b/i, say: "anyone who, the caller that" },
  { word: /\bbeside\b/i, say: "next to" },
  {
    word: /(?<!storage |slack |cookies )\bforg(et|ets|otten)\b(?!:| }|\()/i,
    say: "remove",
    except: except("command-line-\\w+\\.test\\.ts$"),
  },
  { word: /\b(a|one|each|every|of) medium\b/, say: "media item" },
  { word: /\b(an|the whole|its own|first|last) answers?\b/i, say: "response" },
  { word: /higher than wide/i, say: "vertical" },
  { word: /\bput forward\b/, say: "brought forward" },
  { word: /as far as (it|they) can be told/i, say: "if known" },
  { word: /\bmend(s|ed|ing)?\b/i, say: "fix, repair, recover" },
  { word: /\bin the place of\b/i, say: "instead of, replaces" },
  { word: /\bhears? of\b|\bwants? to hear\b/i, say: "is informed of, subscribes to" },
  { word: /\bleave to (do|make|publish|write)\b/i, say: "permission to, is allowed to" },
  { word: /\b(on|at) first sight\b/i, say: "at the first call" },
  { word: /\bsigns? of life\b/i, say: "comment, activity" },
  { word: /\bwhat is no\b/i, say: "anything but, what is not" },
  { word: /\bputs? right\b|\bleft over\b|\bgot on\b/i, say: "repair, correct; remaining; made progress" },
  { word: /\b(a|the|next|lost|two) beats?\b/i, say: "heartbeat" },
  { word: /\bof (no|any) use\b/i, say: "pointless, unusable" },
  { word: /\bthe very (bytes|day|same|text)\b/i, say: "exactly the, the same" },
];

/** Classes of errors whose names are clear without the ending. */
export const ERRORS_BY_OTHER_NAMES: ReadonlySet<string> = new Set([
  "Fault",
  "SourceFault",
  "StorageFault",
  "ServiceFault",
]);
