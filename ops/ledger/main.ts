/**
 * `npm run ledger`: exports, checks and explains a service's ledger.
 */

import { writeFile } from "node:fs/promises";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { type DynamoDbConfig, dynamodbConfig } from "../../lib/config/dynamodb-config.ts";
import { functionConfig } from "../../lib/config/function-config.ts";
import { readConfig } from "../../lib/config/read-config.ts";
import { openDynamoDbLedger } from "../../lib/metrics/retire/dynamodb-ledger.ts";
import { LOCAL_CREDENTIALS } from "../../local/database.ts";
import { localFolder } from "../../local/folder.ts";
import { EXIT, parseOptions, runCommand, UsageError } from "../../local/options.ts";
import { readStackFile } from "../../local/stack-file.ts";
import { checkLedger } from "./check-ledger.ts";
import { explainLedger } from "./explain-ledger.ts";

const HELP = `Looks into the ledger, which holds the totals of environments that are no more. Only reads.

  npm run ledger                      explains it
  npm run ledger -- check             says what is wrong with it, if anything
  npm run ledger -- export FILE       writes base and floor as JSON; - for standard output

  --service NAME       whose; default: SERVICE_NAME, else k2-trades
  --stage NAME         of which deployment; default: STAGE, else dev
  --help

It reads TABLE_NAME at DYNAMODB_ENDPOINT; without that the stack that "npm start" runs; without that
AWS, with your own credentials and AWS_REGION.

Exit code: 0 all good, 1 the check found faults, 2 could not run.
`;

await runCommand("npm run ledger --", main);

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions({
    args: [...argv],
    allowPositionals: true,
    options: { service: { type: "string" }, stage: { type: "string" }, help: { type: "boolean" } },
  });
  if (values.help === true) {
    print(HELP.trimEnd());
    return EXIT.good;
  }
  const [command = "explain", path, ...rest] = positionals;
  if (!["explain", "check", "export"].includes(command) || rest.length > 0)
    throw new UsageError(`Expected explain, check or export FILE, got "${positionals.join(" ")}"`);
  if (command === "export" && path === undefined) throw new UsageError("Export to which file?");
  const { own, dynamodb } = readConfig({ own: functionConfig, dynamodb: dynamodbConfig });
  const { service = own.service, stage = own.stage } = values;
  const { client, table } = await openTable(dynamodb);
  try {
    const ledger = openDynamoDbLedger({ client, table, service, stage });
    const [base, floor] = [await ledger.readBase(), await ledger.readFloor()];
    if (command === "export") return await exportTo(path ?? "-", { service, stage, base, floor });
    if (command === "explain") {
      print(explainLedger({ service, stage, base, floor, nowMs: Date.now() }).join("\n"));
      return EXIT.good;
    }
    const faults = checkLedger(base, floor);
    print(
      faults.length === 0 ? `The ledger of ${service} (${stage}) is sound.` : faults.join("\n"),
    );
    return faults.length === 0 ? EXIT.good : EXIT.partly;
  } finally {
    client.destroy();
  }
}

async function openTable({
  region,
  endpoint,
  table,
}: DynamoDbConfig): Promise<{ client: DynamoDBClient; table: string }> {
  if (endpoint !== undefined) return { client: new DynamoDBClient({ region, endpoint }), table };
  const stack = await readStackFile(localFolder().stackFile);
  if (stack?.servers === undefined) return { client: new DynamoDBClient({ region }), table };
  const { dynamodb: local, ownsDynamodb, table: localTable } = stack.servers;
  const credentials = ownsDynamodb ? { credentials: LOCAL_CREDENTIALS } : {};
  return {
    client: new DynamoDBClient({ region, endpoint: local, ...credentials }),
    table: localTable,
  };
}

async function exportTo(path: string, content: object): Promise<number> {
  const text = JSON.stringify(content, undefined, 2);
  if (path === "-") print(text);
  else {
    await writeFile(path, `${text}\n`);
    print(`Written to ${path}.`);
  }
  return EXIT.good;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
