#!/usr/bin/env bash
# Builds a newer Pushgateway than Debian's into .ci/cache/pushgateway-VERSION, and prints its path.
# What was built once is kept.
set -euo pipefail

version=1.11.3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=$(cd "$here/.." && pwd)/cache/pushgateway-$version
program=$target/pushgateway

fail() {
  echo "pushgateway: $*" >&2
  exit 1
}

command -v flock >/dev/null || fail "flock is missing; on Debian: apt-get install util-linux"

# The lock is held to the end, so that two runs at once build once.
mkdir -p "$target"
exec 9>"$target.lock"
flock 9

if [ ! -x "$program" ]; then
  command -v go >/dev/null || fail "go is missing; $version needs Go 1.25 or newer: https://go.dev/dl"
  # As a dependency of a module of our own: `go install` would ask for the list of versions too.
  build=$(mktemp -d)
  trap 'rm -rf "$build"' EXIT
  cd "$build"
  go mod init build
  go mod edit -require "github.com/prometheus/pushgateway@v$version"
  printf 'package build\nimport _ "github.com/prometheus/pushgateway"\n' >build.go
  go build -mod=mod -o "$program" \
    -ldflags "-X github.com/prometheus/common/version.Version=$version" \
    github.com/prometheus/pushgateway
fi
echo "$program"
