import { once } from "node:events";
import { readdirSync } from "node:fs";
import { createServer, type AddressInfo, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { apiEvent } from "../support/api-event.ts";
import { formsOf } from "../support/forms-of-secret.ts";
import { kafkaEvent, textRecord } from "../support/kafka/event.ts";
import { packageService, type PackagedService } from "../support/packaged-service.ts";
import { startRudePushgateway, type RudePushgateway } from "../support/rude-pushgateway.ts";
import { ROUTES, TEMPLATES } from "../../lib/routes.ts";

const USERNAME = "pusher";
const [PASSWORD, TOKEN] = ["push-password-5b1d:0e77@a9f6", "push-token-0c55~88e1+aa"];
/** Beside the credentials of the Pushgateway, which may be given in three ways. */
const SECRETS = {
  METRICS_SCRAPE_TOKEN: "scrape-token-7f3a/91c2+d4e8=",
  KAFKA_SASL_PASSWORD: "kafka-password-2c8e?4419#b3d0",
  AWS_SECRET_ACCESS_KEY: "aws-secret-9d44/71ba+ff03",
  AWS_SESSION_TOKEN: "aws-session-3e60/28cd+57b9==",
};
const CREDENTIALS: Readonly<Record<string, (url: URL) => Record<string, string>>> = {
  "by user name and password": ({ href }) => ({
    PUSHGATEWAY_URL: href,
    PUSHGATEWAY_USERNAME: USERNAME,
    PUSHGATEWAY_PASSWORD: PASSWORD,
  }),
  "in the URL": ({ host }) => ({
    PUSHGATEWAY_URL: `http://${USERNAME}:${encodeURIComponent(PASSWORD)}@${host}`,
  }),
  "by token": ({ href }) => ({ PUSHGATEWAY_URL: href, PUSHGATEWAY_TOKEN: TOKEN }),
};
const FUNCTIONS = readdirSync(join(import.meta.dirname, "../../functions")).map((file) =>
  file.replace(/\.ts$/, ""),
);
const TRADE = {
  trade_id: "1",
  symbol: "BTCUSDT",
  exchange: "BINANCE",
  asset_class: "CRYPTO",
  timestamp: "2021-01-08T00:00:00Z",
  price: "1",
  quantity: "1",
  currency: "USDT",
};

let service: PackagedService;
let pushgateway: RudePushgateway;
/** Takes connections and closes them: DynamoDB and Kafka as they fail. */
let broken: Server;

beforeAll(async () => {
  service = packageService();
  pushgateway = await startRudePushgateway();
  broken = createServer((socket) => socket.on("error", () => {}).end("no\r\n"));
  broken.listen(0, "127.0.0.1");
  await once(broken, "listening");
}, 120_000);
afterAll(async () => {
  broken.close();
  await pushgateway.close();
  service.remove();
});

describe.each(Object.entries(CREDENTIALS))("with credentials %s", (_way, credentials) => {
  it.each(FUNCTIONS)(
    "%s logs no secret, whatever fails",
    async (name) => {
      const port = (broken.address() as AddressInfo).port;
      const variables = {
        ...SECRETS,
        ...credentials(new URL(pushgateway.url)),
        AWS_REGION: "us-east-1",
        AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
        DYNAMODB_ENDPOINT: `http://127.0.0.1:${port}`,
        KAFKA_BROKERS: `127.0.0.1:${port}`,
        KAFKA_SASL_MECHANISM: "SCRAM-SHA-512",
        KAFKA_SASL_USERNAME: "k2-trades",
        LOG_LEVEL: "debug",
        METRICS_PUSH_TIMEOUT_MS: "5000",
      };
      const log = await service.logOf(name, variables, eventsFor(name));
      expect(log.length).toBeGreaterThan(500);
      const forms = [...Object.values(SECRETS), PASSWORD, TOKEN].flatMap((secret) =>
        formsOf(secret, USERNAME),
      );
      expect(forms.filter((form) => log.includes(form))).toEqual([]);
    },
    120_000,
  );
});

it("would have found one: the Pushgateway repeats what it was sent", async () => {
  const authorization = `Bearer ${TOKEN}`;
  const answers: string[] = [];
  for (let i = 0; i < 3; i += 1)
    answers.push(await (await fetch(pushgateway.url, { headers: { authorization } })).text());
  expect(answers.join()).toContain(TOKEN);
});

/** What invokes each function, a few times, so that some pushes are refused. */
function eventsFor(name: string): unknown[] {
  // It waits for Kafka each time.
  const count = name === "publish-trades" ? 1 : 4;
  return Array.from({ length: count }, () => eventFor(name));
}

function eventFor(name: string): unknown {
  if (["retire-environments", "measure-lag"].includes(name)) return {};
  if (name === "consume-trades") return kafkaEvent([textRecord(JSON.stringify(TRADE))]);
  const route = TEMPLATES.find((template) =>
    Object.values(ROUTES[template]).some((one) => one === name),
  );
  const headers = {
    authorization: `Bearer ${SECRETS.METRICS_SCRAPE_TOKEN}`,
    "content-type": "application/json",
  };
  return apiEvent({
    route: route ?? "/{proxy+}",
    headers,
    pathParameters: { symbol: "BTCUSDT", date: "2021-01-08" },
    ...(name === "publish-trades" ? { method: "POST", body: JSON.stringify(TRADE) } : {}),
  });
}
