#!/bin/sh
# Copyright The LaunchReady Authors.
# SPDX-License-Identifier: Apache-2.0
#
# fuzz.sh
#
# Runs every fuzzer of the main module for FUZZTIME (1m). `go test -fuzz` takes one at a time.
set -eu
cd "$(dirname "$0")/.."

targets=$(hack/find-tests.sh Fuzz)
if [ -z "$targets" ]; then
	echo "no fuzzers found" >&2
	exit 1
fi

echo "$targets" | while read -r package fuzzer; do
	echo "==> $package $fuzzer for ${FUZZTIME:-1m}"
	go test -run '^$' -fuzz "^$fuzzer\$" -fuzztime "${FUZZTIME:-1m}" "$package" </dev/null
done
