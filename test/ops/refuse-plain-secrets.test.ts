import { describe, expect, it } from "vitest";
import { plainSecrets } from "../../ops/serverless/refuse-plain-secrets.ts";

const REFERENCE = "{{resolve:secretsmanager:k2-trades/prod:SecretString:password}}";

describe("a variable is refused", () => {
  it.each([
    ["METRICS_SCRAPE_TOKEN", "correct-horse-battery"],
    ["PUSHGATEWAY_PASSWORD", "x"],
    ["PUSHGATEWAY_PASSWORD", `${REFERENCE}x`],
    ["KAFKA_SASL_PASSWORD", "{{resolve:none:k2-trades}}"],
    ["CLIENT_SECRET", "{{ssm}}"],
    ["PUSHGATEWAY_URL", "http://pusher:pw@pushgateway:9091"],
    ["PUSHGATEWAY_URL", "http://one:9091,http://pusher:pw@two:9091"],
    ["PUSHGATEWAY_URL", `http://pusher:${REFERENCE}pw@two:9091`],
  ])("when %s is %j", (name, value) => {
    expect(plainSecrets({ [name]: value })).toEqual([name]);
  });
});

describe("a variable passes", () => {
  it.each([
    ["METRICS_SCRAPE_TOKEN", ""],
    ["METRICS_SCRAPE_TOKEN", REFERENCE],
    ["PUSHGATEWAY_TOKEN", "{{resolve:ssm:/k2-trades/prod/token:3}}"],
    ["METRICS_SCRAPE_TOKEN", { Ref: "Token" }],
    ["PUSHGATEWAY_URL", "http://one:9091,https://two.example.com/push@home"],
    ["PUSHGATEWAY_URL", `http://pusher:${REFERENCE}@two:9091`],
    ["KAFKA_BROKERS", "one:9092,two:9092"],
    ["PUSHGATEWAY_USERNAME", "pusher"],
  ])("when %s is %j", (name, value) => {
    expect(plainSecrets({ [name]: value })).toEqual([]);
  });
});
