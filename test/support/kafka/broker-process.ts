/**
 * Apache Kafka as a process: one KRaft node that is broker and controller, on free ports of
 * 127.0.0.1, with its data in a folder.
 */

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort, LOOPBACK, untilAnswering } from "../../../local/ports.ts";
import { type Child, startChild } from "../../../local/processes.ts";

export interface BrokerProcess {
  /** `127.0.0.1:PORT`, the same over restarts. */
  readonly address: string;
  /** Starts it on the data it has; resolves when it takes connections. */
  start(): Promise<void>;
  /** Ends it with SIGKILL. */
  kill(): Promise<void>;
}

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const KAFKA_DIR = `${ROOT}.ci/cache/kafka`;

const START_TIMEOUT_MS = 60_000;
/** A free port may be taken by someone else before the broker has it. */
const MAX_STARTS = 3;
/** The heap holds a test's worth of records; the first compiler tier alone makes a quick start. */
const JAVA_OPTIONS = ["-Xms64m", "-Xmx384m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];

/** Says why no broker can be started on this machine; undefined if one can. */
export function whyNoBroker(): string | undefined {
  if (existsSync(`${KAFKA_DIR}/kafka_2.13-4.4.0.jar`)) return undefined;
  return `Apache Kafka is not in ${KAFKA_DIR}; run .ci/kafka/install.sh`;
}

export interface BrokerOptions {
  /** Of the broker, beside or instead of those it needs; listeners come in addition. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Users, as Kafka's storage tool takes them: `SCRAM-SHA-512=[name=me,password=secret]`. */
  readonly scram?: readonly string[];
}

/** Makes a broker with empty data in the folder and starts it. */
export async function startBrokerProcess(
  folder: string,
  { properties = {}, scram = [] }: BrokerOptions = {},
): Promise<BrokerProcess> {
  for (let start = 1; ; start += 1) {
    const port = await freePort();
    const controllerPort = await freePort();
    await rm(join(folder, "data"), { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    const path = join(folder, "server.properties");
    const all = withListeners(defaults(folder, port, controllerPort), properties);
    await writeFile(
      path,
      Object.entries(all)
        .map((entry) => `${entry.join("=")}\n`)
        .join(""),
    );
    format(path, scram);
    const broker = brokerOf({ folder, path, port });
    try {
      await broker.start();
      return broker;
    } catch (error) {
      await broker.kill();
      if (start === MAX_STARTS) throw error;
    }
  }
}

function brokerOf(options: {
  readonly folder: string;
  readonly path: string;
  readonly port: number;
}): BrokerProcess {
  const { folder, path, port } = options;
  let child: Child | undefined;
  return {
    address: `${LOOPBACK}:${port}`,
    start: async () => {
      child = startChild({
        name: "the Kafka broker",
        command: ["java", ...JAVA_OPTIONS, "-cp", `${KAFKA_DIR}/*`, "kafka.Kafka", path],
        environment: { LC_ALL: "C" },
        logPath: join(folder, "broker.log"),
      });
      await untilAnswering(port, { timeoutMs: START_TIMEOUT_MS, signal: child.died });
    },
    kill: async () => {
      await child?.kill();
    },
  };
}

/** One of everything, no waiting for further members of a group, and no topic but those made. */
function defaults(folder: string, port: number, controllerPort: number): Record<string, string> {
  return {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.bootstrap.servers": `${LOOPBACK}:${controllerPort}`,
    "controller.listener.names": "CONTROLLER",
    listeners: `PLAINTEXT://${LOOPBACK}:${port},CONTROLLER://${LOOPBACK}:${controllerPort}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "log.dirs": join(folder, "data"),
    // Until its last session has ended, a broker that was killed is not let in again.
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
  };
}

const LISTENERS = ["listeners", "listener.security.protocol.map"];

function withListeners(
  own: Readonly<Record<string, string>>,
  given: Readonly<Record<string, string>>,
): Record<string, string> {
  const both = LISTENERS.filter((name) => given[name] !== undefined);
  const joined = both.map((name) => [name, `${own[name]},${given[name]}`] as const);
  return { ...own, ...given, ...Object.fromEntries(joined) };
}

/** Writes the id of the cluster and the first metadata, as every KRaft node needs before its start. */
function format(path: string, scram: readonly string[]): void {
  const command = ["-cp", `${KAFKA_DIR}/*`, "kafka.tools.StorageTool", "format"];
  const options = ["--standalone", "--cluster-id", "k2tradesTestsClusterAAA", "--config", path];
  const users = scram.flatMap((user) => ["--add-scram", user]);
  execFileSync("java", [...JAVA_OPTIONS, ...command, ...options, ...users], { stdio: "pipe" });
}
