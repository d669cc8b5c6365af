#!/bin/sh
# Copyright The LaunchReady Authors.
# SPDX-License-Identifier: Apache-2.0
#
# verify-generate.sh
#
# Fails, naming the file, if a generated file is stale, missing, or no longer generated. It writes nothing into the
# work tree.
set -eu
cd "$(dirname "$0")/.."

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
trap 'exit 1' INT TERM

hack/generate.sh "$fresh"

faults=0
# fault WHAT FILE
fault() {
	echo "$1: $2" >&2
	faults=$((faults + 1))
}

files=$(cd "$fresh" && find . -type f | sed 's|^\./||' | sort)
for file in $files; do
	if [ ! -f "$file" ]; then
		fault "missing" "$file"
	elif ! cmp -s "$file" "$fresh/$file"; then
		fault "stale" "$file"
		diff -u "$file" "$fresh/$file" | sed -n '3,40p' >&2
	fi
done

for file in api/*/zz_generated.*.go internal/*/zz_generated.*.go config/crd/bases/*.yaml charts/launchready/templates/generated/*.yaml; do
	if [ -f "$file" ] && [ ! -f "$fresh/$file" ]; then
		fault "no longer generated" "$file"
	fi
done

if [ "$faults" -gt 0 ]; then
	echo "$faults generated file(s) differ from their source: run 'make generate' and commit the result" >&2
	exit 1
fi
echo "$(echo "$files" | wc -l | tr -d ' ') generated files are fresh"
