// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Command demo tells the story of LaunchReady in the terminal, on a real Kubernetes that it starts and ends. Where a node can
// run: an app whose conversations can be read by everybody is held until it is mended. Everywhere: an app with a typed API key is
// reported, held, mended and launched, and kept ready afterwards. It types what a person would, and nothing else.
// KEEP=1 leaves the cluster and the operator up.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Getenv("KEEP") == "1"); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run sets the stage, tells the story, and cleans up unless the cluster is to be kept.
func run(ctx context.Context, keep bool) (err error) {
	dir, err := os.MkdirTemp("", "launchready-demo-")
	if err != nil {
		return err
	}
	s := &stage{dir: dir, started: time.Now()}
	defer func() {
		if keep && err == nil {
			s.sayHowToGoOn()
			return
		}
		// An interrupt ends the story, not the cleaning up.
		err = errors.Join(err, s.strike(context.WithoutCancel(ctx)))
	}()
	if err := s.set(ctx); err != nil {
		return err
	}
	if err := tell(ctx, s); err != nil {
		return errors.Join(err, s.operatorLog(context.WithoutCancel(ctx)))
	}
	fmt.Printf("\nThat is it: %s from nothing to launched and kept so.\n", time.Since(s.started).Round(time.Second))
	return nil
}

// tell is the story.
func tell(ctx context.Context, s *stage) error {
	key, err := inventedKey()
	if err != nil {
		return err
	}
	for name, content := range map[string]string{
		"chat.yaml": chat(typedKey(key)), "launch.yaml": launch, "chat-mended.yaml": chat(referencedKey), "ingress.yaml": ingress,
	} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	t := &terminal{stage: s}
	if s.node != noNode {
		if err := provedByStrangers(ctx, s, t); err != nil {
			return err
		}
	}
	launchIt(ctx, t, key)
	keepItReady(ctx, t, key)
	return t.err
}

// launchIt brings an app from a typed key to its launch.
func launchIt(ctx context.Context, t *terminal, key string) {
	t.say("A chatbot, as founders deploy it. Somebody typed its API key into the manifest:")
	t.typed(ctx, "kubectl create namespace shop")
	t.typed(ctx, "kubectl apply -n shop -f chat.yaml")
	t.say("Before strangers meet it, it has to be proved ready:")
	t.typed(ctx, "cat launch.yaml")
	t.typed(ctx, "kubectl apply -n shop -f launch.yaml")
	t.typed(ctx, "kubectl wait -n shop --for=condition=SecretsSafe=false lr/chat --timeout=60s")
	t.typed(ctx, "kubectl get lr -n shop")
	t.say("Until it is, nobody leads strangers to it:")
	t.refused(ctx, "kubectl apply -n shop -f ingress.yaml")
	t.say("What is wrong, and how to mend it:")
	t.typed(ctx, `kubectl get lrep chat -n shop -o jsonpath='{range .status.rows[*].findings[*]}{.severity}{"\t"}{.place}{"\n\t"}{.message}{"\n\t"}{.remedy}{"\n"}{end}'`)
	t.say("So the key moves into a Secret, and the manifest refers to it. Another terminal watches:")
	watched := t.watch(ctx, "kubectl get lr -n shop -w")
	t.typedWithInput(ctx, key, "kubectl create secret generic chat -n shop --from-file=openai-api-key=/dev/stdin")
	t.typed(ctx, "diff chat.yaml chat-mended.yaml | sed 's/sk-proj-.*/sk-proj-(the key)/'")
	t.typed(ctx, "kubectl apply -n shop -f chat-mended.yaml")
	t.typed(ctx, "kubectl wait -n shop --for=condition=SecretsSafe lr/chat --timeout=60s")
	t.typed(ctx, "kubectl wait -n shop --for=condition=Launchable lr/chat --timeout=60s")
	watched()
	t.say("It is launched, so that it may be exposed:")
	t.typedUntil(ctx, "kubectl apply -n shop -f ingress.yaml")
	t.typed(ctx, "kubectl get lr -n shop -o wide")
}

// keepItReady shows what a launched app is held to, and what is never held.
func keepItReady(ctx context.Context, t *terminal, key string) {
	t.say("A later rollout passes, and is measured at once:")
	t.typed(ctx, "kubectl set image -n shop deployment/chat web="+image("4e"))
	t.typed(ctx, "kubectl rollout history -n shop deployment/chat")
	t.say("One with a typed key does not:")
	t.refusedWithInput(ctx, key, `kubectl set env -n shop deployment/chat STRIPE_API_KEY="$(cat)"`)
	t.say("The Secret is lost. The app is measured again within seconds here, within 5 minutes by default:")
	t.typed(ctx, "kubectl delete secret chat -n shop")
	t.typed(ctx, "kubectl wait -n shop --for=condition=Launchable=false lr/chat --timeout=60s")
	t.say("Now nothing new rolls out, but what is verified does, and so does a restart:")
	t.refused(ctx, "kubectl set image -n shop deployment/chat web="+image("5d"))
	t.typed(ctx, "kubectl rollout restart -n shop deployment/chat")
	t.typed(ctx, "kubectl rollout undo -n shop deployment/chat --to-revision=2")
	t.typed(ctx, "kubectl scale -n shop deployment/chat --replicas=3")
	t.say("An emergency: dana holds the verb bypass, and says why. It is recorded:")
	t.typed(ctx, "kubectl create clusterrole break-glass --verb=bypass --resource=launchreadinesses.launchready.dev")
	t.typed(ctx, "kubectl create rolebinding dana-breaks-glass -n shop --clusterrole=break-glass --user=dana")
	t.typed(ctx, "kubectl create rolebinding dana-edits -n shop --clusterrole=edit --user=dana")
	t.typed(ctx, `kubectl patch --as=dana -n shop deployment chat -p '{"metadata":{"annotations":{"launchready.dev/break-glass":"incident 42: memory leak"}},"spec":{"template":{"spec":{"containers":[{"name":"web","image":"`+image("6c")+`"}]}}}}'`)
	t.typed(ctx, "kubectl wait -n shop --for=jsonpath='{.status.gate.overrides[0].value}'='incident 42: memory leak' lr/chat --timeout=60s")
	t.say("The gate stands in the API server. The operator dies, and it holds:")
	t.do(func() error { return t.stage.killOperator(ctx) })
	t.refused(ctx, "kubectl set image -n shop deployment/chat web="+image("5d"))
	t.say("The operator is back, and so is the Secret:")
	t.do(func() error { return t.stage.returnOperator(ctx) })
	t.typedWithInput(ctx, key, "kubectl create secret generic chat -n shop --from-file=openai-api-key=/dev/stdin")
	t.typed(ctx, "kubectl wait -n shop --for=condition=Launchable lr/chat --timeout=60s")
	t.typedUntil(ctx, "kubectl set image -n shop deployment/chat web="+image("5d"))
	t.typed(ctx, "kubectl get events -n shop --field-selector involvedObject.kind=LaunchReadiness -o custom-columns=TYPE:.type,REASON:.reason,MESSAGE:.message")
	t.say("The key itself is nowhere in what the operator wrote:")
	t.typed(ctx, "kubectl get lr,lrep,events -n shop -o yaml | grep -c 'sk-proj-' || true")
}
