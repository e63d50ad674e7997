/**
 * A DynamoDB for one machine: dynalite in this process, with the table as serverless.yml defines it.
 */

import { mkdir } from "node:fs/promises";
import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DescribeTableCommand,
  DynamoDBClient,
  ResourceInUseException,
} from "@aws-sdk/client-dynamodb";
import dynalite from "dynalite";
import { readTradesTable } from "./table-template.ts";

const START_TIMEOUT_MS = 60_000;

export interface LocalDynamoDBOptions {
  /**
   * Folder the data is kept in, made if absent. Default: in memory. It must not be open already:
   * dynalite then throws where nobody can catch it, and the process ends.
   */
  readonly path?: string;
  /** Default 0: any free one. */
  readonly port?: number;
  /** Stage in the table's name. Default `dev`. */
  readonly stage?: string;
}

export interface LocalDynamoDB {
  /** `http://127.0.0.1:PORT`. */
  readonly endpoint: string;
  /** The table's name, as the template has it for the stage. */
  readonly table: string;
  /** Answers what is under way, then closes the files. */
  close(): Promise<void>;
}

/**
 * Starts it and creates the table unless an earlier run did.
 * @throws {Error} when the port is taken or the folder can't be made.
 */
export async function startDynamoDB(options: LocalDynamoDBOptions = {}): Promise<LocalDynamoDB> {
  const { path, port = 0, stage = "dev" } = options;
  const definition = await readTradesTable(stage);
  if (path !== undefined) await mkdir(path, { recursive: true });
  const server = dynalite({ createTableMs: 0, ...(path === undefined ? {} : { path }) });
  server.prependListener("request", surviveAbort);
  const endpoint = await listen(server, port);
  try {
    await ensureTable(endpoint, definition);
  } catch (error) {
    await close(server);
    throw error;
  }
  return { endpoint, table: definition.TableName ?? "", close: () => close(server) };
}

/**
 * dynalite throws out of an event when a client goes away in the middle of a request, which would
 * end the process it runs in. Here that request alone ends.
 */
function surviveAbort(request: IncomingMessage, response: ServerResponse): void {
  const on = request.on.bind(request);
  const guarded = (event: string, listener: (...values: unknown[]) => void) =>
    on(event, event === "error" ? () => response.destroy() : listener);
  request.on = guarded as typeof request.on;
}

async function listen(server: Server, port: number): Promise<string> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function ensureTable(endpoint: string, definition: CreateTableCommandInput): Promise<void> {
  const client = new DynamoDBClient({
    endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
    maxAttempts: 1,
  });
  try {
    await client.send(new CreateTableCommand(definition)).catch((error: unknown) => {
      if (!(error instanceof ResourceInUseException)) throw error;
    });
    await untilActive(client, definition.TableName);
  } finally {
    client.destroy();
  }
}

async function untilActive(client: DynamoDBClient, name: string | undefined): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: name }));
    if (Table?.TableStatus === "ACTIVE") return;
    if (Date.now() > deadline) throw new Error(`table ${name} is ${Table?.TableStatus}`);
    await delay(5);
  }
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve, reject) => {
    server.close((error) => (error === undefined || error === null ? resolve() : reject(error)));
  });
  await closed;
}
