// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package chatbots is the app under test: a multi-tenant chatbot with logins, conversations, documents, an admin's part,
// streaming, listings and payments, which is safe as it stands. Named weaknesses open one hole each, and named oddities
// make it behave unusually without opening any, so that a probe can be shown to find the first and to be unmoved by the
// second. Given a system prompt, its bot is a simulated language model, with holes, defences and tools of its own; and its
// log has holes too.
//
// It is made to be attacked: nothing but tests and demos may run it, and never where strangers can reach it.
package chatbots
