#!/usr/bin/env bash
# Installs cfn-lint, moto's server and schemathesis into .ci/cache/python-tools, for the tests that
# check what is deployed and the API from outside. What was installed once for this list and this
# Python is kept. `install.sh --lock` writes the list anew from requirements.in.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=$(realpath -m "$here/../cache/python-tools")
list="$here/requirements.txt"

command -v python3 >/dev/null || {
  echo "python-tools: python3 is missing; on Debian: apt-get install python3 python3-venv" >&2
  exit 1
}

if [ "${1:-}" = --lock ]; then
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  python3 -m venv "$scratch"
  "$scratch/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.in"
  {
    echo "# Written by install.sh --lock from requirements.in; not by hand."
    "$scratch/bin/pip" freeze
  } >"$list"
  exit
fi

# The lock is held to the end, so that two runs at once install once.
mkdir -p "$target"
exec 9>"$target.lock"
flock 9

key=$(cat "$list" <(python3 --version) | sha256sum | cut -d' ' -f1)
if [ "$(cat "$target/installed-for" 2>/dev/null)" = "$key" ] &&
  "$target/bin/python" -c 'import cfnlint, moto, schemathesis' 2>/dev/null; then
  echo "python-tools: up to date in $target"
  exit 0
fi

rm -rf "$target"
python3 -m venv "$target"
"$target/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$list"
"$target/bin/python" -m pip check --disable-pip-version-check
echo "$key" >"$target/installed-for"
echo "python-tools: installed in $target"
