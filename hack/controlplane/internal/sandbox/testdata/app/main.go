// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Command app is what runs in the test's pods: a server, a client that says how the server answered, or a nuisance.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	signal.Ignore(syscall.SIGHUP)
	switch os.Args[1] {
	case "serve":
		server := &http.Server{Addr: ":8080", ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "hello from the chat")
		})}
		panic(server.ListenAndServe())
	case "get":
		get(os.Args[2], time.Now().Add(20*time.Second))
	case "eat":
		eat()
	case "wall":
		wall(os.Args[2], os.Args[3])
	}
}

// get asks until there is an answer, for names and routes take a moment.
func get(url string, deadline time.Time) {
	client := &http.Client{Timeout: 2 * time.Second}
	for {
		response, err := client.Get(url)
		if err == nil {
			body, _ := io.ReadAll(response.Body)
			fmt.Printf("%s\n", body)
			if err := os.WriteFile("/dev/termination-log", body, 0o600); err != nil {
				panic(err)
			}
			if err := os.WriteFile("/readonly", nil, 0o600); err == nil {
				panic("the root file system can be written")
			}
			return
		}
		fmt.Println(err)
		if time.Now().After(deadline) {
			os.Exit(3)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// eat takes memory until it is killed for it.
func eat() {
	var kept [][]byte
	for range 1 << 10 {
		kept = append(kept, bytes.Repeat([]byte{1}, 1<<20))
	}
	fmt.Println("nobody stopped me at", len(kept), "MiB")
}

// wall ends well once the second URL, and only that, can't be reached: a pod's first moments are before its policy.
func wall(open, closed string) {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
		_, errOpen := client.Get(open)
		_, errClosed := client.Get(closed)
		fmt.Println("allowed:", errOpen, "denied:", errClosed)
		if errOpen == nil && errClosed != nil {
			return
		}
	}
	os.Exit(3)
}
