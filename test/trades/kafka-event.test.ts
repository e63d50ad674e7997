import { describe, expect, it } from "vitest";
import { headersOf, type KafkaEvent, recordsOf } from "../../lib/trades/kafka-event.ts";
import { kafkaEvent, textRecord } from "../support/kafka/event.ts";

/** As AWS's documentation has it. */
const MSK_EVENT = {
  eventSource: "aws:kafka",
  eventSourceArn: "arn:aws:kafka:us-east-1:123456789012:cluster/vpc-2priv-2pub/751d2973",
  bootstrapServers: "b-2.demo-cluster-1.a1bcde.c1.kafka.us-east-1.amazonaws.com:9092",
  records: {
    "mytopic-0": [
      {
        topic: "mytopic",
        partition: 0,
        offset: 15,
        timestamp: 1_545_084_650_987,
        timestampType: "CREATE_TIME",
        key: "abcDEFghiJKLmnoPQRstuVWXyz1234==",
        value: "SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",
        headers: [{ headerKey: [104, 101, 97, 100, 101, 114, 86, 97, 108, 117, 101] }],
      },
    ],
  },
};

describe("an event of Kafka", () => {
  it("is read as AWS documents it, each record with the event's name of its partition", () => {
    const records = recordsOf(MSK_EVENT);
    expect(records).toMatchObject([{ source: "mytopic-0", topic: "mytopic", offset: 15 }]);
    expect(headersOf(MSK_EVENT.records["mytopic-0"][0]!)).toEqual(
      new Map([["headerKey", Buffer.from("headerValue")]]),
    );
  });

  it("gives each partition's records in the order of their offsets", () => {
    const { records } = kafkaEvent(
      [0, 1, 0, 1, 0].map((partition) => ({ ...textRecord("1"), partition })),
    );
    const shuffled = { ...records, "trades-0": records["trades-0"]!.toReversed() };
    expect(
      recordsOf({ eventSource: "aws:kafka", records: shuffled }).map(
        ({ source, offset }) => `${source}:${offset}`,
      ),
    ).toEqual(["trades-0:0", "trades-0:1", "trades-0:2", "trades-1:0", "trades-1:1"]);
  });

  it("may have header bytes with a sign, and a header twice, of which the last counts", () => {
    const [record] = recordsOf(kafkaEvent([textRecord("1")]));
    const headers = [{ a: [49] }, { a: [-61, -87] }];
    expect(
      headersOf({ ...record!, headers })
        .get("a")
        ?.toString(),
    ).toBe("é");
  });

  it("may have no headers, and a header without a value, as Kafka allows", () => {
    const [record] = recordsOf(kafkaEvent([textRecord("1")]));
    expect(headersOf({ ...record!, headers: null })).toEqual(new Map());
    expect(headersOf({ ...record!, headers: [{ a: null }] })).toEqual(
      new Map([["a", Buffer.alloc(0)]]),
    );
  });

  it.each([
    ["records that are none", { records: 5 }],
    ["no records", {}],
    ["a record without an offset", { records: { "t-0": [{ topic: "t", partition: 0 }] } }],
    ["a record without a topic", { records: { "t-0": [{ offset: 1, partition: 0 }] } }],
  ])("with %s is refused as a whole", (_, event) => {
    expect(() => recordsOf(event as unknown as KafkaEvent)).toThrow(TypeError);
  });
});
