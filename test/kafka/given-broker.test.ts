import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { startEmbeddedKafka } from "../../local/kafka/server.ts";
import { freePort, LOOPBACK } from "../../local/ports.ts";
import { openKafka } from "../support/kafka/broker.ts";

it("is waited for where it was given and does not answer yet", async () => {
  const folder = await mkdtemp(join(tmpdir(), "k2-given-kafka-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const port = await freePort();
  const opening = openKafka(`${LOOPBACK}:${port}`);
  const isOpen = await Promise.race([opening.then(() => true), freePort().then(() => false)]);
  expect(isOpen).toBe(false);
  const broker = await startEmbeddedKafka({ folder, port });
  onTestFinished(() => broker.close());
  const given = await opening;
  expect(await given.endOffsets(await given.createTopic({ partitions: 2 }))).toEqual([0, 0]);
}, 120_000);
