// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package injection is the suite that answers PromptInjectionResistant: it plants texts that nobody can guess where a chatbot
// keeps what is not for everybody, asks for them in many ways, and looks whether one comes out. No model judges: the same replies
// give the same verdict.
//
// It must never keep what a chatbot says: a finding tells which plant came out and how it was encoded, and how long the reply was.
package injection
