# Copyright The LaunchReady Authors.
# SPDX-License-Identifier: Apache-2.0
#
# The operator's image: one static binary on distroless, non-root. It cross-compiles, so no emulator runs:
#   docker buildx build --platform linux/amd64,linux/arm64 --build-arg VERSION=v0.1.0 -t launchready .
#
# Tags move. A release pins both images by digest: look the digest up with
#   docker buildx imagetools inspect gcr.io/distroless/static-debian12:nonroot
# and write it behind the tag as `:nonroot@sha256:...`; the same for golang.

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src

# Modules first: they change less often than the code, and then come from the layer cache.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download

COPY api api
COPY cmd cmd
COPY controllers controllers
COPY internal internal

ARG TARGETOS TARGETARCH
ARG VERSION=devel
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /launchready ./cmd/launchready

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /launchready /launchready
# distroless's "nonroot", as a number: a kubelet that has to prove runAsNonRoot can't look a name up.
USER 65532:65532
ENTRYPOINT ["/launchready"]
