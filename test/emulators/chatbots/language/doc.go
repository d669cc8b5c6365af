// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package language is what the simulated model of the chatbot understands of a text: what it asks for, in which language
// and by which trick, and how it reads when it is decoded. It is generous, as language models are: stems of words decide,
// in any order. It knows no list of attacks.
package language
