/**
 * Lambda's Extensions API for one runtime process, as internal extensions see it: they live in that
 * process, register while it initialises, and ask for one event after the other.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
 */

import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { readBody, sendError, sendJson } from "./json-http.ts";
import type { RuntimeEvent } from "./runtime-api.ts";

export interface ExtensionsApiOptions {
  /** With several invocations at once, internal extensions may subscribe to no event at all. */
  readonly isMultiConcurrent: boolean;
  readonly functionName: string;
  readonly handler: string;
  /** An extension waits for an event. */
  readonly onPoll: () => void;
}

interface Extension {
  readonly name: string;
  readonly isForInvoke: boolean;
  /** The request that waits for an event, between two events. */
  poll: ServerResponse | undefined;
}

const PREFIX = "/2020-01-01/extension/";
const MAX_EXTENSIONS = 10;
const MAX_REGISTRATION_BYTES = 64 * 1024;
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

export class ExtensionsApi {
  readonly #options: ExtensionsApiOptions;
  readonly #extensions = new Map<string, Extension>();
  #isOpen = true;

  constructor(options: ExtensionsApiOptions) {
    this.#options = options;
  }

  /** How many are registered, 0 to 10. One is enough for a graceful shutdown. */
  get count(): number {
    return this.#extensions.size;
  }

  /** Whether every extension waits for an event: what init ends with. */
  get areReady(): boolean {
    return this.#all(() => true);
  }

  /** Whether every extension that gets INVOKE events waits for one: what an invocation ends with. */
  get areIdle(): boolean {
    return this.#all((extension) => extension.isForInvoke);
  }

  /** From now on registrations are refused: the runtime has asked for its first event. */
  closeRegistration(): void {
    this.#isOpen = false;
  }

  /** Sends INVOKE to everyone who subscribed to it. */
  deliver({ requestId, deadlineMs, functionArn }: RuntimeEvent): void {
    if (this.#extensions.size === 0) return;
    const invokedFunctionArn = functionArn;
    const text = JSON.stringify({ eventType: "INVOKE", deadlineMs, requestId, invokedFunctionArn });
    for (const extension of this.#extensions.values()) {
      if (!extension.isForInvoke || extension.poll === undefined) continue;
      sendJson(extension.poll, 200, text, { "Lambda-Extension-Event-Identifier": randomUUID() });
      extension.poll = undefined;
    }
  }

  /** Answers a request, if its path is one of the Extensions API's. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    if (request.method === "POST" && request.url === `${PREFIX}register`) {
      await this.#register(request, response);
    } else if (request.method === "GET" && request.url === `${PREFIX}event/next`) {
      this.#next(request, response);
    } else return false;
    return true;
  }

  async #register(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const name = header(request, "lambda-extension-name");
    const events = parseEvents((await readBody(request, MAX_REGISTRATION_BYTES)).text);
    const refusal = this.#whyRefused(name, events);
    if (refusal !== undefined) {
      sendError(response, 403, ...refusal);
      return;
    }
    const id = randomUUID();
    const isForInvoke = events?.includes("INVOKE") === true;
    this.#extensions.set(id, { name, isForInvoke, poll: undefined });
    const { functionName, handler } = this.#options;
    const text = JSON.stringify({ functionVersion: "$LATEST", functionName, handler });
    sendJson(response, 200, text, { "Lambda-Extension-Identifier": id });
  }

  #whyRefused(
    name: string,
    events: readonly unknown[] | undefined,
  ): [errorType: string, message: string] | undefined {
    if (name === "") return ["Extension.InvalidExtensionName", "Empty extension name"];
    if (events === undefined) return ["InvalidRequestFormat", "expected a JSON object with events"];
    if (this.#options.isMultiConcurrent && events.length > 0) {
      return ["Extension.InvalidEventType", "No events allowed for internal extensions"];
    }
    const wrong = events.find((event) => event !== "INVOKE");
    if (wrong !== undefined) {
      return ["Extension.InvalidEventType", `${JSON.stringify(wrong)}: ${whyWrongEvent(wrong)}`];
    }
    if (!this.#isOpen) {
      return ["Extension.RegistrationClosed", "Extension registration closed already"];
    }
    if ([...this.#extensions.values()].some((extension) => extension.name === name)) {
      return ["Extension.InvalidExtensionState", "Extension with this name already registered"];
    }
    if (this.#extensions.size >= MAX_EXTENSIONS) {
      return ["Extension.TooManyExtensions", `Extension limit (${MAX_EXTENSIONS}) reached`];
    }
    return undefined;
  }

  #next(request: IncomingMessage, response: ServerResponse): void {
    const id = header(request, "lambda-extension-identifier");
    const extension = this.#extensions.get(id);
    if (id === "") {
      const reason = "Missing Lambda-Extension-Identifier header";
      sendError(response, 403, "Extension.MissingExtensionIdentifier", reason);
    } else if (!UUID.test(id)) {
      const reason = "Invalid Lambda-Extension-Identifier";
      sendError(response, 403, "Extension.InvalidExtensionIdentifier", reason);
    } else if (extension === undefined) {
      sendError(response, 403, "Extension.UnknownExtensionIdentifier", `Unknown extension ${id}`);
    } else if (extension.poll !== undefined) {
      const reason = `State transition from Ready to Ready failed for extension ${id}.`;
      sendError(response, 403, "Extension.InvalidExtensionState", reason);
    } else {
      extension.poll = response;
      this.#options.onPoll();
    }
  }

  #all(counts: (extension: Extension) => boolean): boolean {
    for (const extension of this.#extensions.values()) {
      if (counts(extension) && extension.poll === undefined) return false;
    }
    return true;
  }
}

function header(request: IncomingMessage, name: string): string {
  const value = request.headers[name];
  return typeof value === "string" ? value : "";
}

function parseEvents(text: string): readonly unknown[] | undefined {
  try {
    const { events = [] } = JSON.parse(text) as { events?: unknown };
    return Array.isArray(events) ? events : undefined;
  } catch {
    return undefined;
  }
}

function whyWrongEvent(event: unknown): string {
  if (event === "SHUTDOWN") return "ShutdownEventNotSupportedForInternalExtension";
  return "ErrorInvalidEventType";
}
