/**
 * The ledger in a DynamoDB table with the keys `pk` and `sk`: base and floor are one document each.
 */

import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { ServiceError } from "../../errors.ts";
import { openDocument, type Document } from "./dynamodb-document.ts";
import type { HistogramSample, MetricFamily } from "../family.ts";
import type { Deployment } from "../read/deployment.ts";
import type { Ledger, LedgerCall, PushgatewayState } from "./ledger.ts";
import type { StoredFamily } from "../tally.ts";

/** Each deployment has a ledger of its own. */
export interface DynamoDbLedgerOptions extends Deployment {
  readonly client: DynamoDBClient;
  readonly table: string;
}

/** What this code writes; a ledger of a later schema is refused, never guessed at. */
const SCHEMA = 1;

interface StoredBase {
  readonly schema: number;
  readonly totals: readonly StoredFamily[];
  readonly pushgateways: readonly PushgatewayState[];
}

interface StoredFloor {
  readonly schema: number;
  readonly families: readonly MetricFamily[];
}

/** Opens the ledger; nothing is read before the first call. */
export function openDynamoDbLedger(options: DynamoDbLedgerOptions): Ledger {
  const { client, table, service, stage } = options;
  const pk = `LEDGER#${service}#${stage}`;
  const base = openDocument<StoredBase>({ client, table, pk, name: "BASE" });
  const floor = openDocument<StoredFloor>({ client, table, pk, name: "FLOOR" });

  return {
    async readBase(call) {
      const { version, content } = await readKnown(base, call);
      return {
        version,
        totals: content?.totals ?? [],
        pushgateways: content?.pushgateways ?? [],
      };
    },
    writeBase: ({ version, totals, pushgateways }, call) =>
      base.write(version, { schema: SCHEMA, totals, pushgateways }, call),
    async readFloor(call) {
      const { version, content } = await readKnown(floor, call);
      return { version, families: (content?.families ?? []).map(withInfinity) };
    },
    writeFloor: ({ version, families }, call) =>
      floor.write(version, { schema: SCHEMA, families: families.map(withoutInfinity) }, call),
  };
}

async function readKnown<T extends { readonly schema: number }>(
  document: Document<T>,
  call?: LedgerCall,
) {
  const read = await document.read(call);
  const schema = read.content?.schema ?? SCHEMA;
  if (schema > SCHEMA) {
    const detail = `ledger ${document.name}: schema ${schema}, expected at most ${SCHEMA}`;
    throw new ServiceError("READ_FAILED", detail);
  }
  return read;
}

/** JSON has no `Infinity`; as the last bound it goes without saying. */
function withoutInfinity(family: MetricFamily): MetricFamily {
  if (family.type !== "histogram") return family;
  const samples = family.samples.map((sample) => ({
    ...sample,
    buckets: sample.buckets.slice(0, -1),
  }));
  return { ...family, samples };
}

function withInfinity(family: MetricFamily): MetricFamily {
  if (family.type !== "histogram") return family;
  const samples = family.samples.map((sample): HistogramSample => ({
    ...sample,
    buckets: [...sample.buckets, [Infinity, sample.count]],
  }));
  return { ...family, samples };
}
