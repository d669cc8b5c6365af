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

(cd "$fresh" && find . -type f | sed 's|^\./||' | sort) >"$fresh.list"
trap 'rm -rf "$fresh" "$fresh.list"' EXIT

faults=0
while read -r file; do
	if [ ! -f "$file" ]; then
		echo "missing: $file" >&2
		faults=$((faults + 1))
	elif ! cmp -s "$file" "$fresh/$file"; then
		echo "stale: $file" >&2
		diff -u "$file" "$fresh/$file" | sed -n '3,40p' >&2 || true
		faults=$((faults + 1))
	fi
done <"$fresh.list"

for file in api/*/zz_generated.*.go config/crd/bases/*.yaml; do
	if [ -f "$file" ] && [ ! -f "$fresh/$file" ]; then
		echo "no longer generated: $file" >&2
		faults=$((faults + 1))
	fi
done

if [ "$faults" -gt 0 ]; then
	echo "$faults generated file(s) differ from their source: run 'make generate' and commit the result" >&2
	exit 1
fi
echo "generated files are fresh ($(wc -l <"$fresh.list" | tr -d ' ') files)"
