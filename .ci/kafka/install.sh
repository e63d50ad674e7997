#!/usr/bin/env bash
# Installs Apache Kafka into .ci/cache/kafka, for the tests that start, kill and restart brokers
# (test/support/kafka/broker.ts). Maven fetches it once; jars.sha256 says what each jar has to be.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=$(cd "$here/.." && pwd)/cache/kafka

fail() {
  echo "kafka: $*" >&2
  exit 1
}

for tool in java mvn flock sha256sum; do
  command -v "$tool" >/dev/null ||
    fail "$tool is missing; on Debian: apt-get install maven openjdk-17-jre-headless util-linux"
done

# The lock is held to the end, so that two runs at once fetch once.
mkdir -p "$target"
exec 9>"$target.lock"
flock 9

if (cd "$target" && sha256sum --check --status "$here/jars.sha256" 2>/dev/null); then
  echo "kafka: up to date in $target"
  exit 0
fi

echo "kafka: fetching what $here/pom.xml names"
rm -rf "$target"
mkdir -p "$target"
mvn --batch-mode --quiet --file "$here/pom.xml" \
  org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
  -DincludeScope=runtime -DoutputDirectory="$target"
(cd "$target" && sha256sum --check --quiet "$here/jars.sha256") ||
  fail "the jars differ from jars.sha256"
[ "$(find "$target" -name '*.jar' | wc -l)" -eq "$(wc -l <"$here/jars.sha256")" ] ||
  fail "there are jars that jars.sha256 does not name"
echo "kafka: installed in $target"
