/** One invocation, from the moment an execution environment takes it until it has finished. */

import { randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import { type Answer, timeoutAnswer } from "./answer.ts";
import type { ExecutionEnvironment } from "./execution-environment.ts";

/** How an invocation left its environment: ready for the next one, or with its process gone. */
export type Outcome = "completed" | "timeout" | "crash" | "init-failure";

export interface InvocationEnd {
  readonly outcome: Outcome;
  /** When runtime and extensions were done with it, or the process was gone; `performance.now()`. */
  readonly atMs: number;
}

/** What `invoke` resolves to, as soon as there is an answer. Times are this process's `performance.now()`. */
export interface InvocationResult extends Answer {
  readonly requestId: string;
  readonly environment: ExecutionEnvironment;
  /** When the environment took it; before any cold start. */
  readonly takenAtMs: number;
  /** When the event was sent to the runtime; undefined if there was no runtime to send it to. */
  readonly startedAtMs: number | undefined;
  /** When the whole response had arrived. */
  readonly answeredAtMs: number;
  /** Settles when the environment is done with it, extensions included; never rejects. */
  readonly finished: Promise<InvocationEnd>;
}

/** The bookkeeping of one invocation. Only the first answer and the first end count. */
export interface Invocation {
  readonly requestId: string;
  /** The event, JSON text. */
  readonly event: string;
  /** When the function's timeout passes, in milliseconds since 1970. */
  readonly deadlineMs: number;
  readonly isAnswered: boolean;
  readonly answered: Promise<InvocationResult>;
  readonly finished: Promise<InvocationEnd>;
  /** Starts the clock of the function's timeout. */
  startClock(timeoutMs: number): void;
  /** Notes that the event leaves for the runtime now. */
  markStarted(): void;
  answer(answer: Answer): void;
  /** Answers it with a timeout, and has it end as one. */
  timeOut(timeoutMs: number): void;
  finish(outcome: Outcome): void;
}

/** @param event JSON text. */
export function createInvocation(environment: ExecutionEnvironment, event: string): Invocation {
  const requestId = randomUUID();
  const takenAtMs = performance.now();
  const answered = Promise.withResolvers<InvocationResult>();
  const finished = Promise.withResolvers<InvocationEnd>();
  let startedAtMs: number | undefined;
  let deadlineMs = 0;
  let isAnswered = false;
  let isTimedOut = false;

  const answer = (content: Answer) => {
    isAnswered = true;
    const answeredAtMs = performance.now();
    const times = { takenAtMs, startedAtMs, answeredAtMs, finished: finished.promise };
    answered.resolve({ ...content, requestId, environment, ...times });
  };
  return {
    requestId,
    event,
    answered: answered.promise,
    finished: finished.promise,
    get deadlineMs() {
      return deadlineMs;
    },
    get isAnswered() {
      return isAnswered;
    },
    startClock: (timeoutMs) => (deadlineMs = Date.now() + timeoutMs),
    markStarted: () => (startedAtMs = performance.now()),
    answer,
    timeOut(timeoutMs) {
      isTimedOut = true;
      answer(timeoutAnswer(requestId, timeoutMs));
    },
    finish(outcome) {
      finished.resolve({ outcome: isTimedOut ? "timeout" : outcome, atMs: performance.now() });
    },
  };
}
