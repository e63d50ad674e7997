/**
 * What a process does after its responses have left. Its environments share one extension, which asks
 * for the next event only when the work of all of them has ended.
 */

import { registerExtension, type InvokeEvent, type LambdaExtension } from "./lambda-extension.ts";

/** Told of every measured invocation of this process. */
export interface AfterResponse {
  /** @param requestId Lambda's id of the invocation, which its event has too. */
  begin(requestId: string): void;
  /**
   * Ends what `begin` began. Its work is done after the response.
   * @returns at once; where there is no extension any more, when the work has ended.
   */
  end(requestId: string, work: () => Promise<unknown>): Promise<void>;
}

/** So often it is looked whether an invocation came that is not measured. */
const LOOK_MS = 100;
/** An invocation that is not measured by then will not be; nor one with half its time over. */
const GRACE_MS = 1_000;

/** One extension a process: Lambda knows it by its name. */
let joined: Promise<AfterResponse | undefined> | undefined;

/**
 * Registers the extension, once for all who ask. Await it in the init phase.
 * @returns nothing where there is no Extensions API or it refuses.
 */
export function joinAfterResponse(runtimeApi: string): Promise<AfterResponse | undefined> {
  joined ??= registerExtension(runtimeApi).then((extension) =>
    extension === undefined ? undefined : followInvocations(extension),
  );
  return joined;
}

/**
 * Follows the invocations of an extension, one event after the other. The runtime posts a response one
 * `setImmediate` after the handler settles, and synchronously: two turns later nothing that is done
 * here delays it. An event is read no sooner, unless nothing measured runs.
 */
export function followInvocations(extension: LambdaExtension): AfterResponse {
  /** Measured handlers at work, by invocation: one may call another. */
  const running = new Map<string, number>();
  let lastEnded: string | undefined;
  let due: (() => Promise<unknown>)[] = [];
  let isFollowing = true;
  let wake = () => {};

  const follow = async () => {
    for (;;) {
      const readEvent = extension.askForNext();
      await untilEndOrQuiet();
      await workOff();
      const event = await workUntil(readEvent());
      // It tells of the invocation that has just ended, or of one that was not seen yet.
      await untilEndOrForeign(event);
      await workOff();
    }
  };

  /** Until invocations have ended and none runs, or for so long. */
  const nextEnd = (limitMs?: number) =>
    new Promise<void>((resolve) => {
      const timer = limitMs === undefined ? undefined : setTimeout(resolve, limitMs).unref();
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  /** An invocation may never reach what is measured, as one that only keeps an environment warm. */
  const untilEndOrQuiet = async () => {
    while (due.length === 0 || running.size > 0) {
      const sinceMs = performance.now();
      await nextEnd(LOOK_MS);
      // What took much longer was frozen, and what thawed it is only about to begin.
      if (running.size === 0 && performance.now() - sinceMs < 2 * LOOK_MS) return;
    }
  };

  /** Its own time bounds what is waited: Lambda ends the process of one that runs over it. */
  const untilEndOrForeign = async ({ requestId, deadlineMs }: InvokeEvent) => {
    const graceMs = Math.min(GRACE_MS, (deadlineMs - Date.now()) / 2);
    if (requestId !== lastEnded && !running.has(requestId)) await nextEnd(graceMs);
    while (running.has(requestId)) await nextEnd();
  };

  const workOff = async () => {
    while (due.length > 0) {
      await nextTurn();
      await nextTurn();
      const works = due;
      due = [];
      await Promise.allSettled(works.map((work) => work()));
    }
  };

  /** Waits for an event, which may be that of the next invocation: what ends meanwhile is worked off. */
  const workUntil = async (event: Promise<InvokeEvent>) => {
    for (;;) {
      const come = await Promise.race([event, nextEnd()]);
      if (come !== undefined) return come;
      await workOff();
    }
  };

  // Without its events the extension is no more; then work is done before the return.
  follow().catch(() => {
    isFollowing = false;
  });

  return {
    begin(requestId) {
      running.set(requestId, (running.get(requestId) ?? 0) + 1);
    },
    async end(requestId, work) {
      const left = (running.get(requestId) ?? 1) - 1;
      if (left > 0) running.set(requestId, left);
      else running.delete(requestId);
      if (!isFollowing) {
        await work();
        return;
      }
      due.push(work);
      if (running.size > 0) return;
      lastEnded = requestId;
      wake();
    },
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
