/** The bit of HTTP that Lambda's Runtime API and Extensions API have in common. */

import type { IncomingMessage, ServerResponse } from "node:http";

/** Answers with JSON. The text is sent as it is, with its length, so that it leaves in one piece. */
export function sendJson(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}

/** Refuses a request the way both APIs do. */
export function sendError(
  response: ServerResponse,
  status: number,
  errorType: string,
  errorMessage: string,
): void {
  sendJson(response, status, JSON.stringify({ errorMessage, errorType }));
}

/**
 * Reads a request's body.
 * @returns the text, and its length in bytes; of a body longer than `maxBytes` only the length.
 * @throws {Error} when the sender went away in the middle.
 */
export function readBody(
  request: IncomingMessage,
  maxBytes: number,
): Promise<{ text: string; byteLength: number }> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let byteLength = 0;
    request.on("data", (chunk: Buffer) => {
      byteLength += chunk.length;
      if (byteLength <= maxBytes) chunks.push(chunk);
      else chunks.length = 0;
    });
    request.once("end", () => resolve({ text: Buffer.concat(chunks).toString(), byteLength }));
    request.once("error", reject);
  });
}
