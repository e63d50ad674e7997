/**
 * Lambda's Runtime API for one runtime process: it asks for an event, posts the response or an error.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { type Answer, MAX_PAYLOAD_BYTES, oversizeAnswer } from "./answer.ts";
import { readBody, sendError, sendJson } from "./json-http.ts";

/** An event for the runtime, with what its context is made of. */
export interface RuntimeEvent {
  readonly requestId: string;
  readonly event: string;
  readonly deadlineMs: number;
  readonly functionArn: string;
}

export interface RuntimeApiOptions {
  /** Several invocations at once: the runtime may ask for the next before it has answered the last. */
  readonly isMultiConcurrent: boolean;
  /** The runtime waits for an event. */
  readonly onPoll: () => void;
  /** The runtime answered an invocation; called before it is told that the answer was taken. */
  readonly onAnswer: (requestId: string, answer: Answer) => void;
  /** The runtime says that loading the function failed. */
  readonly onInitError: (answer: Answer) => void;
}

const PREFIX = "/2018-06-01/runtime/";
const INVOCATION_PATH = /^invocation\/([^/]+)\/(response|error)$/;
const OK = '{"status":"OK"}\n';

export class RuntimeApi {
  readonly #options: RuntimeApiOptions;
  /** Polls without an event, and events without a poll: one of the two is empty. */
  readonly #polls: ServerResponse[] = [];
  readonly #events: RuntimeEvent[] = [];
  readonly #unanswered = new Set<string>();

  constructor(options: RuntimeApiOptions) {
    this.#options = options;
  }

  /** Whether the runtime is waiting for an event. */
  get isWaiting(): boolean {
    return this.#polls.length > 0;
  }

  /** Gives the runtime an event now, or with its next poll. */
  deliver(event: RuntimeEvent): void {
    this.#unanswered.add(event.requestId);
    const poll = this.#polls.shift();
    if (poll === undefined) this.#events.push(event);
    else sendEvent(poll, event);
  }

  /** From now on refuses an answer to this invocation: it comes too late. */
  abandon(requestId: string): void {
    this.#unanswered.delete(requestId);
  }

  /** Answers a request, if its path is one of the Runtime API's. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    if (request.url?.startsWith(PREFIX) !== true) return false;
    const path = request.url.slice(PREFIX.length);
    const invocation = INVOCATION_PATH.exec(path);
    if (request.method === "GET" && path === "invocation/next") this.#next(response);
    else if (request.method === "POST" && invocation !== null) {
      await this.#takeAnswer(request, response, invocation[1] ?? "", invocation[2] === "error");
    } else if (request.method === "POST" && path === "init/error") {
      await this.#takeInitError(request, response);
    } else return false;
    return true;
  }

  #next(response: ServerResponse): void {
    if (this.#unanswered.size > this.#events.length && !this.#options.isMultiConcurrent) {
      const reason = "State transition from Running to Ready failed for runtime.";
      sendError(response, 403, "InvalidStateTransition", reason);
      return;
    }
    const event = this.#events.shift();
    if (event === undefined) this.#polls.push(response);
    else sendEvent(response, event);
    this.#options.onPoll();
  }

  async #takeAnswer(
    request: IncomingMessage,
    response: ServerResponse,
    requestId: string,
    isError: boolean,
  ): Promise<void> {
    const { text, byteLength } = await readBody(request, MAX_PAYLOAD_BYTES);
    if (!this.#unanswered.delete(requestId)) {
      sendError(response, 400, "InvalidRequestID", "Invalid request ID");
    } else if (byteLength > MAX_PAYLOAD_BYTES) {
      this.#options.onAnswer(requestId, oversizeAnswer(byteLength));
      const reason = `Exceeded maximum allowed payload size (${MAX_PAYLOAD_BYTES} bytes).`;
      sendError(response, 413, "RequestEntityTooLarge", reason);
    } else {
      const answer = isError ? failed(text) : { payload: text };
      this.#options.onAnswer(requestId, answer);
      sendJson(response, 202, OK);
    }
  }

  async #takeInitError(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { text } = await readBody(request, MAX_PAYLOAD_BYTES);
    this.#options.onInitError(failed(text));
    sendJson(response, 202, OK);
  }
}

function failed(payload: string): Answer {
  return { payload, functionError: "Unhandled" };
}

function sendEvent(poll: ServerResponse, event: RuntimeEvent): void {
  sendJson(poll, 200, event.event, {
    "Lambda-Runtime-Aws-Request-Id": event.requestId,
    "Lambda-Runtime-Deadline-Ms": String(event.deadlineMs),
    "Lambda-Runtime-Invoked-Function-Arn": event.functionArn,
    "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Sampled=0",
  });
}
