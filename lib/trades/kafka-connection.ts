/**
 * How to reach Kafka, in the service's words and in the client's.
 */

import { isIP } from "node:net";
import type { BaseOptions } from "@platformatic/kafka";

export interface KafkaOptions {
  /** Shows in the brokers' logs and quotas. */
  readonly clientId: string;
  /** `host:port` of one broker or several; the others are found through them. */
  readonly brokers: readonly string[];
  /** Absent: not encrypted. `ca`: certificates in PEM that are trusted instead of those Node.js knows. */
  readonly tls?: { readonly ca?: string | undefined } | undefined;
  readonly sasl?:
    | {
        readonly mechanism: "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512";
        readonly username: string;
        readonly password: string;
      }
    | undefined;
}

const CONNECT_TIMEOUT_MS = 2_000;

/** The client's options that say where the brokers are and how to get in. */
export function connectionOf({ clientId, brokers, tls, sasl }: KafkaOptions): BaseOptions {
  return {
    clientId,
    bootstrapBrokers: [...brokers],
    connectTimeout: CONNECT_TIMEOUT_MS,
    ...(tls === undefined ? {} : encryption(tls, brokers)),
    ...(sasl === undefined ? {} : { sasl: { ...sasl } }),
  };
}

function encryption({ ca }: NonNullable<KafkaOptions["tls"]>, brokers: readonly string[]) {
  return {
    tls: ca === undefined ? {} : { ca },
    tlsServerName: !brokers.every((broker) => isAddress(broker)),
  };
}

/** TLS names a server by its name only. */
function isAddress(broker: string): boolean {
  return isIP(broker.slice(0, broker.lastIndexOf(":")).replace(/^\[|\]$/g, "")) !== 0;
}
