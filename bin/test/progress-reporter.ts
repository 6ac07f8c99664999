import { relative } from "node:path";
import type { Reporter, TestCase, TestModule } from "vitest/node";
import { root } from "../stack/paths.ts";

/** What vitest's process sends to the one that started it, after each step of the run. */
export interface Progress {
  /** The files under way, each with its newest test that has begun and not ended. */
  readonly underWay: readonly { readonly file: string; readonly test: string | null }[];
  /** The longest time that a test of these files may take, in milliseconds; vitest itself ends a test after it. */
  readonly longestTestMs: number;
}

interface FileUnderWay {
  test: string | null;
  longestTestMs: number;
}

/**
 * Reports to the parent process what is under way, so that a run that stops advancing can be ended with names. Vitest takes
 * the default export of the file that `--reporter` names.
 */
export default class ProgressReporter implements Reporter {
  readonly #files = new Map<TestModule["moduleId"], FileUnderWay>();

  onTestModuleQueued({ moduleId }: TestModule): void {
    this.#files.set(moduleId, { test: null, longestTestMs: 0 });
    this.#send();
  }

  onTestModuleCollected(module: TestModule): void {
    const timeouts = [...module.children.allTests()].map(({ options }) => options.timeout ?? 0);
    this.#of(module).longestTestMs = Math.max(0, ...timeouts);
    this.#send();
  }

  onTestCaseReady({ module, fullName }: TestCase): void {
    this.#of(module).test = fullName;
    this.#send();
  }

  onTestCaseResult({ module, fullName }: TestCase): void {
    const file = this.#of(module);
    if (file.test === fullName) file.test = null;
    this.#send();
  }

  onHookStart(): void {
    this.#send();
  }

  onHookEnd(): void {
    this.#send();
  }

  onTestModuleEnd({ moduleId }: TestModule): void {
    this.#files.delete(moduleId);
    this.#send();
  }

  #of({ moduleId }: TestModule): FileUnderWay {
    const known = this.#files.get(moduleId) ?? { test: null, longestTestMs: 0 };
    this.#files.set(moduleId, known);
    return known;
  }

  #send(): void {
    const files = [...this.#files];
    const progress: Progress = {
      underWay: files.map(([id, { test }]) => ({ file: relative(root, id), test })),
      longestTestMs: Math.max(0, ...files.map(([, { longestTestMs }]) => longestTestMs)),
    };
    process.send?.(progress);
  }
}
