/**
 * The database as a process of its own, so that its work and its memory are not the stack's:
 * `node run-dynamodb.ts PORT FOLDER`. Prints one line of JSON once it answers: `{endpoint, table}`.
 */

import { startDynamoDB } from "./dynamodb.ts";

const [, , port, path] = process.argv;
if (path === undefined) throw new Error("expected a port and a folder");

const dynamodb = await startDynamoDB({ path, port: Number(port) });
console.log(JSON.stringify({ endpoint: dynamodb.endpoint, table: dynamodb.table }));

process.once("SIGTERM", () => void dynamodb.close().finally(() => process.exit(0)));
