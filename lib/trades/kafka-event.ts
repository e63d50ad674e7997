/**
 * What Lambda's event source mapping for Kafka hands over, from a self-managed cluster or MSK, and
 * what it wants back.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/with-kafka.html
 * @see https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html
 */

/** A batch: records of one partition or several, by the name of the partition. */
export interface KafkaEvent {
  /** `SelfManagedKafka` or `aws:kafka`. */
  readonly eventSource: string;
  readonly records: Readonly<Record<string, readonly KafkaEventRecord[]>>;
}

/** A record as the event has it. */
export interface KafkaEventRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since the epoch, as the producer or the broker set it. */
  readonly timestamp: number;
  readonly timestampType: string;
  /** Base64; left out, null or empty when the record has none. */
  readonly key?: string | null;
  /** Base64; left out, null or empty when the record has none. */
  readonly value?: string | null;
  /** One object a header, of its name and the bytes of its value, which may be signed, or none. */
  readonly headers?: readonly Readonly<Record<string, readonly number[] | null>>[] | null;
}

/** A record and the partition it came from, under the event's own name for that: `trades-0`. */
export interface ReceivedRecord extends KafkaEventRecord {
  readonly source: string;
}

/**
 * Kafka's own form of the answer, in which the identifier is an object. Of each partition named,
 * everything from that offset on is delivered again; an empty list means that all is done.
 */
export interface KafkaBatchResponse {
  readonly batchItemFailures: readonly {
    readonly itemIdentifier: { readonly partition: string; readonly offset: number };
  }[];
}

/**
 * All records of a batch, those of a partition in the order of their offsets.
 * @throws {TypeError} when it is no batch of Kafka records; the whole batch is then delivered again.
 */
export function recordsOf({ records }: KafkaEvent): ReceivedRecord[] {
  if (typeof records !== "object" || records === null)
    throw new TypeError("expected an event of Kafka: an object with `records`");
  return Object.entries(records).flatMap(([source, ofPartition]) =>
    ofPartition
      .map((record) => ({ ...record, source: checkedSource(source, record) }))
      .sort((a, b) => a.offset - b.offset),
  );
}

/**
 * The headers by name; of several under one name the last, which is the one that counts in Kafka. A
 * header without a value is empty.
 */
export function headersOf({ headers }: KafkaEventRecord): Map<string, Buffer> {
  return new Map(
    (headers ?? []).flatMap((header) =>
      Object.entries(header).map(([name, bytes]) => [name, Buffer.from(bytes ?? [])] as const),
    ),
  );
}

/** Without an offset there is no saying what to deliver again. */
function checkedSource(source: string, { topic, offset }: KafkaEventRecord): string {
  if (typeof topic === "string" && Number.isSafeInteger(offset)) return source;
  throw new TypeError(`expected a topic and an offset of each record of ${source}`);
}
