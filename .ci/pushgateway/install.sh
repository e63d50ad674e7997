#!/usr/bin/env bash
# Builds the newest Pushgateway into .ci/cache/pushgateway-VERSION, beside Debian's older one, and
# prints its path. What was built once is kept.
set -euo pipefail

version=1.11.3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=$(cd "$here/.." && pwd)/cache/pushgateway-$version/pushgateway

if [ ! -x "$program" ]; then
  # As a dependency of a module of our own: `go install` would ask for the list of versions too.
  build=$(mktemp -d)
  trap 'rm -rf "$build"' EXIT
  cd "$build"
  go mod init build >/dev/null 2>&1
  go mod edit -require "github.com/prometheus/pushgateway@v$version"
  printf 'package build\nimport _ "github.com/prometheus/pushgateway"\n' >build.go
  go build -mod=mod -o "$program" \
    -ldflags "-X github.com/prometheus/common/version.Version=$version" \
    github.com/prometheus/pushgateway
fi
echo "$program"
