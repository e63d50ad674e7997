// The smallest internal extension, for bundles that tests write: registers, then asks for events.

import { existsSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env } from "node:process";
import { setTimeout as delay } from "node:timers/promises";

const agent = new Agent({ keepAlive: true });

/** Registers; refusals come back as they are. */
export async function register(name = "recorder", events = ["INVOKE"]) {
  const body = JSON.stringify({ events });
  const answer = await call("POST", "register", { "Lambda-Extension-Name": name }, body);
  return { ...answer, id: answer.headers["lambda-extension-identifier"] };
}

/** Asks for the next event; the answer comes with it. Its socket keeps no process alive. */
export async function nextEvent(id) {
  return await call("GET", "event/next", { "Lambda-Extension-Identifier": id });
}

/** Registers, and does `work` with each event before it asks for the next. */
export async function startExtension(work, name) {
  const { id } = await register(name);
  const poll = async () => {
    for (;;) await work(JSON.parse((await nextEvent(id)).text));
  };
  void poll();
}

/** Waits until the test has made this file in the environment's temporary folder. */
export async function fileAppears(name) {
  while (!existsSync(join(tmpdir(), name))) await delay(2);
}

function call(method, path, headers, body) {
  const url = `http://${env.AWS_LAMBDA_RUNTIME_API}/2020-01-01/extension/${path}`;
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers, agent }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => (text += chunk));
      response.on("end", () =>
        resolve({ status: response.statusCode, headers: response.headers, text }),
      );
    });
    outgoing.on("socket", (socket) => (method === "GET" ? socket.unref() : socket.ref()));
    outgoing.on("error", reject).end(body);
  });
}
