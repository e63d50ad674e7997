#!/usr/bin/env bash
# Runs an Apache Kafka with no data on 127.0.0.1, until it is ended (Ctrl-C), to try with KAFKA_BROKERS
# whatever takes brokers: the tests, `npm start`.
#   .ci/kafka/start.sh [port]     default: 9092; its controller is on the next one
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
jars=$(cd "$here/.." && pwd)/cache/kafka
port=${1:-9092}
[[ $port =~ ^[0-9]{1,5}$ ]] && ((port > 0 && port < 65535)) || {
  echo "kafka: expected a port from 1 to 65534, got $port" >&2
  exit 2
}
"$here/install.sh"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:$((port + 1))
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$folder/data
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
PROPERTIES
java -cp "$jars/*" kafka.tools.StorageTool format --standalone \
  --cluster-id k2tradesTryoutClusterAA --config "$folder/server.properties" >"$folder/log" 2>&1 ||
  { cat "$folder/log" >&2; exit 1; }

java -Xmx512m -cp "$jars/*" kafka.Kafka "$folder/server.properties" >"$folder/log" 2>&1 &
broker=$!
trap 'kill "$broker" 2>/dev/null || true; wait "$broker" || true; rm -rf "$folder"' EXIT
trap 'exit 0' INT TERM
until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
  kill -0 "$broker" 2>/dev/null || { tail -n 20 "$folder/log" >&2; exit 1; }
  sleep 0.2
done
echo "kafka: KAFKA_BROKERS=127.0.0.1:$port"
wait "$broker"
