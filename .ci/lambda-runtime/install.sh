#!/usr/bin/env bash
# Installs AWS's own Node.js runtime client into .ci/cache/lambda-runtime, for the tests that run
# bundles as Lambda does. It compiles libcurl and a native module (about a minute on two cores), so
# what was built once for this lock file and this Node.js is kept.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
target="$root/.ci/cache/lambda-runtime"
node="$root/node_modules/.bin/node"

fail() {
  echo "lambda-runtime: $*" >&2
  exit 1
}

[ -x "$node" ] || fail "$node is missing; run npm ci first"
for tool in npm flock cmake make g++ tar xz; do
  command -v "$tool" >/dev/null ||
    fail "$tool is missing; on Debian: apt-get install cmake make g++ tar xz-utils util-linux"
done

# The lock is held to the end, so that two runs at once build once.
mkdir -p "$target"
exec 9>"$target.lock"
flock 9

# Loading the native module proves that it fits this Node.js; it reads the variable while loading.
loads() {
  AWS_LAMBDA_RUNTIME_API=127.0.0.1:1 "$node" -e \
    'process.dlopen({ exports: {} }, process.argv[1])' \
    "$target/node_modules/aws-lambda-ric/rapid-client.node" 2>/dev/null
}

key=$(cat "$here/package-lock.json" <("$node" -p '[process.version, process.platform, process.arch]') |
  sha256sum | cut -d' ' -f1)
if [ "$(cat "$target/built-for" 2>/dev/null)" = "$key" ] && loads; then
  echo "lambda-runtime: up to date in $target"
  exit 0
fi

# The npm package of Node.js brings its own headers, so node-gyp has nothing to download.
headers=$(find "$root/node_modules/node" -path '*/include/node/node_api.h' -print -quit)
[ -n "$headers" ] || fail "no Node.js headers below $root/node_modules/node"

echo "lambda-runtime: building aws-lambda-ric for Node.js $("$node" -p process.version)"
rm -rf "$target"
mkdir -p "$target"
cp "$here/package.json" "$here/package-lock.json" "$target/"
if ! (cd "$target" && PATH="$root/node_modules/.bin:$PATH" npm_config_nodedir="${headers%/include/*}" \
  npm ci --foreground-scripts >build.log 2>&1); then
  tail -n 40 "$target/build.log" >&2
  fail "the build failed; all of it is in $target/build.log"
fi
loads || fail "the native module does not load under $("$node" -p process.version)"
echo "$key" >"$target/built-for"
echo "lambda-runtime: built in $target"
