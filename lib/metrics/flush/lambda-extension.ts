/**
 * An internal Lambda extension: registered in the init phase, it keeps the environment awake after a
 * response has left, until it asks for the next event.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
 */

import { http } from "../../builtin.ts";

export interface LambdaExtension {
  /**
   * Says that this extension is done with the last invocation, and asks for the next one.
   * @returns what waits for the answer and reads it. Nothing is read before: time spent on it while a
   *   handler works would delay the response.
   * @throws {Error} from there, when the Extensions API does not answer as it should.
   */
  askForNext(): () => Promise<InvokeEvent>;
}

/** What an event tells of its invocation. */
export interface InvokeEvent {
  /** The handler's `context.awsRequestId`. */
  readonly requestId: string;
  /** When the invocation's time is over, in milliseconds since the epoch. */
  readonly deadlineMs: number;
}

const NAME = "prometheus-metrics";
/**
 * Most of the 10 s that Lambda gives the init phase. Whoever gives up earlier may be registered all the
 * same: Lambda then waits in vain for it to ask for events, at the end of init and of each invocation.
 */
const REGISTRATION_TIMEOUT_MS = 8_000;

/**
 * Registers. It must be awaited before the init phase ends: registration closes then.
 * @param runtimeApi `AWS_LAMBDA_RUNTIME_API`: host and port.
 * @returns nothing where there is no Extensions API or it refuses, as on Lambda Managed Instances.
 */
export async function registerExtension(runtimeApi: string): Promise<LambdaExtension | undefined> {
  const call = caller(runtimeApi);
  try {
    const registered = await call("POST", "/2020-01-01/extension/register", {
      headers: { "lambda-extension-name": NAME, "content-type": "application/json" },
      body: JSON.stringify({ events: ["INVOKE"] }),
      timeoutMs: REGISTRATION_TIMEOUT_MS,
    });
    const identifier = registered.headers["lambda-extension-identifier"];
    if (registered.status !== 200 || typeof identifier !== "string") return undefined;
    const headers = { "lambda-extension-identifier": identifier };
    return {
      askForNext() {
        const { promise: untilWanted, resolve: want } = Promise.withResolvers<void>();
        const answer = call("GET", "/2020-01-01/extension/event/next", { headers, untilWanted });
        answer.catch(() => undefined); // Whoever reads it is told.
        return async () => {
          want();
          const { status, text } = await answer;
          if (status !== 200) throw new Error(`extension event: status ${status}, expected 200`);
          return JSON.parse(text) as InvokeEvent;
        };
      },
    };
  } catch {
    return undefined;
  }
}

interface Call {
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Default: none, for the long poll, which lasts as long as the environment is idle. */
  readonly timeoutMs?: number;
  /** The answer is left in its socket until then. Default: it is read as it comes. */
  readonly untilWanted?: Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** Calls over one connection. */
function caller(runtimeApi: string) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  return (
    method: string,
    path: string,
    { headers, body, timeoutMs, untilWanted }: Call,
  ): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const call = http.request(
        `http://${runtimeApi}${path}`,
        { method, agent, headers },
        (response) => {
          let text = "";
          response.setEncoding("utf8");
          response.on("data", (part: string) => (text += part));
          response.on("error", reject);
          response.on("end", () =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
          );
        },
      );
      // Waiting for the next event never keeps the process alive; registering must, or init would end.
      call.on("socket", (socket) => {
        if (timeoutMs === undefined) socket.unref();
        else socket.ref();
        if (untilWanted === undefined) return;
        socket.pause();
        void untilWanted.then(() => socket.resume());
      });
      call.on("error", reject);
      if (timeoutMs !== undefined) {
        call.setTimeout(timeoutMs, () => call.destroy(new Error(`no answer in ${timeoutMs} ms`)));
      }
      call.end(body);
    });
}
