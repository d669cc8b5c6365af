// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Command app is what runs in the pods of the process node's test: it serves, asks, looks around, fails or stays.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	switch os.Args[1] {
	case "serve":
		server := &http.Server{Addr: ":8080", ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "hello from "+os.Getenv("POD_IP"))
		})}
		panic(server.ListenAndServe())
	case "get":
		get(os.Args[2], time.Now().Add(20*time.Second))
	case "look":
		look(os.Args[2:])
	case "fail":
		fmt.Println("first line")
		fmt.Println("the last words")
		os.Exit(3)
	case "stay":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("staying")
		for {
			time.Sleep(time.Hour)
		}
	}
}

// get asks until there is an answer, for names and routes take a moment.
func get(url string, deadline time.Time) {
	client := &http.Client{Timeout: 2 * time.Second}
	for {
		response, err := client.Get(url)
		if err == nil {
			body, _ := io.ReadAll(response.Body)
			fmt.Printf("asking\n%s\n", body)
			if err := os.WriteFile("/dev/termination-log", body, 0o600); err != nil {
				panic(err)
			}
			return
		}
		fmt.Println(err)
		if time.Now().After(deadline) {
			os.Exit(3)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// look tells what a container sees: itself, its environment, and the files that it is asked for.
func look(paths []string) {
	files := map[string]string{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			content = []byte(err.Error())
		}
		files[path] = string(content)
	}
	hostname, _ := os.Hostname()
	status, _ := os.ReadFile("/proc/self/status")
	_, errHost := os.Stat("/root")
	processes, _ := os.ReadDir("/proc")
	running := 0
	for _, p := range processes {
		if strings.Trim(p.Name(), "0123456789") == "" {
			running++
		}
	}
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{
		"uid": os.Getuid(), "gid": os.Getgid(), "hostname": hostname, "env": os.Environ(), "files": files, "processes": running,
		"capabilities": line(status, "CapEff:"), "bounding": line(status, "CapBnd:"), "noNewPrivileges": line(status, "NoNewPrivs:"),
		"seesHost": errHost == nil, "writesRoot": os.WriteFile("/written", nil, 0o600) == nil,
		"writesScratch": os.WriteFile("/scratch/written", nil, 0o600) == nil, "writesSecret": os.WriteFile("/secret/written", nil, 0o600) == nil,
		"api": askAPI(),
	})
}

func line(text []byte, name string) string {
	for l := range bytes.Lines(text) {
		if value, found := bytes.CutPrefix(l, []byte(name)); found {
			return string(bytes.TrimSpace(value))
		}
	}
	return ""
}

// askAPI asks the API server who it takes us for.
func askAPI() string {
	const folder = "/var/run/secrets/kubernetes.io/serviceaccount/"
	token, err := os.ReadFile(folder + "token")
	if err != nil {
		return err.Error()
	}
	authority, err := os.ReadFile(folder + "ca.crt")
	if err != nil {
		return err.Error()
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	request, _ := http.NewRequest(http.MethodPost, "https://kubernetes.default.svc/apis/authentication.k8s.io/v1/selfsubjectreviews",
		strings.NewReader(`{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}`))
	request.Header.Set("Authorization", "Bearer "+string(token))
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return err.Error()
	}
	var review struct {
		Status struct{ UserInfo struct{ Username string } }
	}
	_ = json.NewDecoder(response.Body).Decode(&review)
	return review.Status.UserInfo.Username
}
