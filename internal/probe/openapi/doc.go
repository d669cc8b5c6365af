// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package openapi reads the document in which an app describes its own operations: OpenAPI 3 or Swagger 2.0, as JSON or YAML. The
// document is somebody else's, and may be hostile: it is bounded before it is understood, nothing that it refers to outside
// of itself is fetched, and of its texts only paths and names come out, in characters that a URL may have. What an operation is
// asked with is for the suites to say; this package sends nothing.
package openapi
