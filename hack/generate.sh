#!/bin/sh
# Copyright The LaunchReady Authors.
# SPDX-License-Identifier: Apache-2.0
#
# generate.sh [FOLDER]
#
# Writes every generated file below FOLDER, or in place without it. `make verify-generate` compares the two.
# The tools come from the Makefile.
set -eu
cd "$(dirname "$0")/.."

out=${1:-.}
tools=bin/tools

mkdir -p "$out/api/v1alpha1" "$out/config/crd/bases" "$out/config/rbac" "$out/docs/reference"

"$tools/controller-gen" \
	object:headerFile=hack/boilerplate.go.txt crd \
	paths=./api/v1alpha1 \
	output:object:dir="$out/api/v1alpha1" \
	output:crd:dir="$out/config/crd/bases"

"$tools/controller-gen" \
	rbac:roleName=launchready-manager \
	paths=./controllers/... paths=./internal/... \
	output:rbac:dir="$out/config/rbac"

"$tools/crd-ref-docs" \
	--log-level ERROR \
	--config hack/crd-ref-docs/config.yaml \
	--templates-dir hack/crd-ref-docs \
	--source-path api/v1alpha1 \
	--renderer markdown \
	--output-path "$out/docs/reference/api.md"
