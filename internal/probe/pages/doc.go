// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package pages reads what an app gives to browsers, pages, scripts and source maps, for the routes that they name: where a form goes,
// what a script fetches. All of it is somebody else's and may be hostile: it is read once from front to back within bounds,
// nothing in it is run, and of its texts only paths and names come out, in characters that a URL may have. What a script names need not
// be there, for libraries name much that is not: to find out is for the suites, and so is to fetch anything.
package pages
