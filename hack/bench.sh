#!/bin/sh
# Copyright The LaunchReady Authors.
# SPDX-License-Identifier: Apache-2.0
#
# bench.sh
#
# Runs every benchmark of the main module, one package at a time, for they would disturb each other's figures.
set -eu
cd "$(dirname "$0")/.."

packages=$(hack/find-tests.sh Benchmark | cut -d' ' -f1 | sort -u)
if [ -z "$packages" ]; then
	echo "no benchmarks found" >&2
	exit 1
fi

KUBEBUILDER_ASSETS=$(go -C hack/controlplane run . path)
export KUBEBUILDER_ASSETS

# Package paths hold no blanks.
# shellcheck disable=SC2086
go test -p 1 -run '^$' -bench . -benchmem $packages
(cd test/probes && go test -run '^$' -bench . -benchmem ./...)
