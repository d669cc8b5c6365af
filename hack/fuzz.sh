#!/bin/sh
# Copyright The LaunchReady Authors.
# SPDX-License-Identifier: Apache-2.0
#
# fuzz.sh
#
# Runs every fuzzer of the main module for FUZZTIME (1m), one at a time as `go test -fuzz` wants it, and then the gate's property
# test with GATE_WORLDS (650) states of a Namespace, twenty requests each.
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

# The gate's two judges, with another seed than `make test` and five times as many states.
echo "==> ./test/apiserver TestGoAndAPIServerAgree"
KUBEBUILDER_ASSETS=$(go -C hack/controlplane run . path)
export KUBEBUILDER_ASSETS
go test -vet=off -timeout 30m -run '^TestGoAndAPIServerAgree$' ./test/apiserver -rapid.checks "${GATE_WORLDS:-650}" -rapid.seed "$(date +%s)"
