// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/rand"
	"fmt"
	"strings"
)

// launch is all that a team writes.
const launch = `apiVersion: launchready.dev/v1alpha1
kind: LaunchReadiness
metadata:
  name: chat
spec:
  workloads:
  - name: api
    ref: {kind: Deployment, name: chat}
    services: [chat]
  domains:
    canonical: app.example.com
  gate:
    mode: Enforce
`

// ingress leads strangers to the app.
const ingress = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: chat
spec:
  rules:
  - host: app.example.com
    http:
      paths:
      - path: /
        pathType: Prefix
        backend:
          service:
            name: chat
            port: {number: 80}
`

// image gives an image of the app, pinned by its digest as in production.
func image(digit string) string { return "example.com/chat@sha256:" + strings.Repeat(digit, 32) }

// chat is the app, with its API key as given.
func chat(key string) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata:
  name: chat
spec:
  replicas: 2
  selector:
    matchLabels: {app: chat}
  template:
    metadata:
      labels: {app: chat}
    spec:
      containers:
      - name: web
        image: %s
        ports:
        - containerPort: 8080
        readinessProbe:
          httpGet: {path: /ready, port: 8080}
        env:
        - name: OPENAI_BASE_URL
          value: https://api.openai.com/v1
        - name: OPENAI_API_KEY
%s---
apiVersion: v1
kind: Service
metadata:
  name: chat
spec:
  selector: {app: chat}
  ports:
  - {port: 80, targetPort: 8080}
`, image("3f"), key)
}

// typedKey is how the key should not be there, referencedKey how it should.
func typedKey(key string) string {
	return fmt.Sprintf("          value: %s\n", key)
}

const referencedKey = `          valueFrom:
            secretKeyRef: {name: chat, key: openai-api-key}
`

// inventedKey gives a key of OpenAI's shape that opens nothing: made anew each time, so that none stands in the
// repository.
func inventedKey() (string, error) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	random := make([]byte, 148)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	for i, b := range random {
		random[i] = alphabet[int(b)%len(alphabet)]
	}
	return "sk-proj-" + string(random[:74]) + "T3BlbkFJ" + string(random[74:]), nil
}
