// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/launchready/launchready/api/v1alpha1"
)

// By what a probe is known, as internal/probe makes it. The prefix begins the name of every Job of a probe, and so that of its
// pod: it is all that a request to connect to a pod tells of it.
const (
	probePrefix    = "launchready-probe-"
	managedByLabel = "app.kubernetes.io/managed-by"
	managedBy      = "launchready"
	suiteLabel     = "launchready.dev/suite"
	// probeLabels are the labels in words.
	probeLabels = managedByLabel + "=" + managedBy + " and " + suiteLabel
)

// Who keeps a cluster running. Where the controllers have no accounts of their own (--use-service-account-credentials is
// off), they all are controllerManager.
const (
	jobController     = "system:serviceaccount:kube-system:job-controller"
	controllerManager = "system:kube-controller-manager"
	controllersGroup  = "system:serviceaccounts:kube-system"
	nodesGroup        = "system:nodes"
)

// probeTable guards the Jobs and pods of probes, so that what a pod says is what the operator's image found. It holds in every
// namespace and in every mode, for whoever has all verbs too, and has no twin in Go: what it looks at is who asks for what, and
// hardly the object.
//
// Whoever deletes a Job or a pod, or evicts it, is let through: that gives no result, and never a false one.
//
// Others than the cluster's own may write the annotations and the conditions of a pod through pods/status, which no role for
// people allows: network plugins do, and schedulers that preempt. An update that changes nothing is nobody's, such as one that
// migrates what is stored.
func probeTable(operator string) table {
	const again = " Delete its Job instead: it is started again."
	rerun := " To run a probe again, delete its Job: it is started again."
	inside := " Read it by kubectl logs, or delete its Job: it is started again."
	return table{
		name:      "launchready-probes",
		resources: append(labelledProbes(), namedProbes()...),
		concerns: expression("request.operation == 'CONNECT' ? request.?name.orValue('').startsWith('" + probePrefix + "') : " +
			probeCEL("object", "metadata") + " || " + probeCEL("oldObject", "metadata") + " || request.resource.resource == 'jobs' && (" + probeCEL("object", "spec.?template.?metadata") +
			" || request.operation == 'CREATE' && dyn(object).metadata.?name.orValue('').startsWith('" + probePrefix + "'))"),
		variables: []variable{
			{"mode", "'" + expression(v1alpha1.GateEnforce) + "'"},
			{"user", "request.userInfo.username"},
			{"groups", "request.userInfo.?groups.orValue([])"},
			{"operatorName", expression("'" + operator + "'")},
			// A name that is generated is not in the request.
			{"name", "request.?name.orValue('') != '' ? request.name : dyn(object).?metadata.?name.orValue('')"},
			{"subject", "request.?namespace.orValue('') + '/' + variables.name"},
			{"connects", "request.operation == 'CONNECT'"},
			{"amended", "request.?subResource.orValue('') in ['ephemeralcontainers', 'resize']"},
			{"created", "request.operation == 'CREATE'"},
			{"pod", "request.resource.resource == 'pods'"},
			{"status", "request.?subResource.orValue('') == 'status'"},
			{"operator", "variables.user == variables.operatorName"},
			{"controller", expression(fmt.Sprintf("variables.user == '%s' || '%s' in variables.groups", controllerManager, controllersGroup))},
			{"node", expression(fmt.Sprintf("'%s' in variables.groups", nodesGroup))},
			{"jobMade", expression(fmt.Sprintf("variables.user in ['%s', '%s'] && variables.name.startsWith('%s')", jobController, controllerManager, probePrefix))},
			{"relabelled", expression("oldObject != null && " + probeCEL("object", "metadata") + " != " + probeCEL("oldObject", "metadata"))},
			{"touched", expression("variables.pod && variables.status ? !(" + sameStatusCEL() + ") : !(" + sameCEL() + ")")},
		},
		rules: []rule{
			{0, []string{"connects"}, deny, message{"Pod ", "$subject", ": names that begin with " + probePrefix + " are those of LaunchReady's probes, and nobody may exec or attach, forward a port or proxy into one, " +
				"so that no result can be forged." + inside + " If the pod is your own, give it another name."}},
			{0, []string{"amended"}, deny, message{"Pod ", "$subject", " is a probe of LaunchReady: nobody may add a container to it or resize it, so that no result can be forged." + inside}},
			{0, []string{"pod", "created", "!jobMade"}, deny, message{"Pod ", "$subject", " has the labels of LaunchReady's probes (" + probeLabels + "): only the Job controller creates these, from a Job of the operator. " +
				"Leave the labels off." + rerun}},
			{0, []string{"pod", "created"}, allow, nil},
			{0, []string{"controller", "!created"}, allow, nil},
			{0, []string{"pod", "node"}, allow, nil},
			{0, []string{"!created", "!touched"}, allow, nil},
			{0, []string{"pod", "relabelled"}, deny, message{"Pod ", "$subject", ": the labels " + probeLabels + " together are those of LaunchReady's probes, and are neither given to a pod nor taken from one. " +
				"Leave them as they were." + rerun}},
			{0, []string{"pod", "status"}, deny, message{"Pod ", "$subject", " is a probe of LaunchReady: nobody but its node and the cluster's controllers may write its status, where the result stands." + again}},
			{0, []string{"pod"}, deny, message{"Pod ", "$subject", " is a probe of LaunchReady: nobody but its node and the cluster's controllers may change it, so that no result can be forged." + again}},
			{0, []string{"status"}, deny, message{"Job ", "$subject", " is a probe of LaunchReady: nobody but the cluster's controllers may write its status." + again}},
			{0, []string{"operator"}, allow, nil},
			{0, []string{"created"}, deny, message{"Job ", "$subject", " has the name of LaunchReady's probes (" + probePrefix + "...), or their labels (" + probeLabels + ") on itself or on its pod template: " +
				"only the operator, ", "$operatorName", ", creates these. Give it another name, and leave the labels off." + rerun}},
			{0, []string{"relabelled"}, deny, message{"Job ", "$subject", ": the labels " + probeLabels + " together are those of LaunchReady's probes, and are neither given to a Job nor taken from one. " +
				"Leave them as they were." + rerun}},
			{0, nil, deny, message{"Job ", "$subject", " is a probe of LaunchReady, or would make one by the labels of its pod template: nobody but the operator, ", "$operatorName", ", and the cluster's controllers may change it." + again}},
		},
		mode: "mode", unbreakable: true, everywhere: true,
	}
}

// labelledProbes are the requests that the API server selects by labels, so that no other pod's ever reaches an expression.
func labelledProbes() []admissionregistrationv1.NamedRuleWithOperations {
	return []admissionregistrationv1.NamedRuleWithOperations{
		named("", []string{"v1"}, writes(), "pods", "pods/status", "pods/ephemeralcontainers", "pods/resize"),
		named("batch", []string{"v1"}, []admissionregistrationv1.OperationType{admissionregistrationv1.Update}, "jobs/status"),
	}
}

// namedProbes are those of which a name must be looked at, or what stands deeper than labels.
func namedProbes() []admissionregistrationv1.NamedRuleWithOperations {
	return []admissionregistrationv1.NamedRuleWithOperations{
		named("batch", []string{"v1"}, writes(), "jobs"),
		named("", []string{"v1"}, []admissionregistrationv1.OperationType{admissionregistrationv1.Connect}, "pods/exec", "pods/attach", "pods/portforward", "pods/proxy"),
	}
}

// probeScopes are what the bindings of the guard are bound to. No request is in both.
func probeScopes() []scope {
	return []scope{
		{"", &admissionregistrationv1.MatchResources{
			ResourceRules: labelledProbes(),
			ObjectSelector: &metav1.LabelSelector{
				MatchLabels:      map[string]string{managedByLabel: managedBy},
				MatchExpressions: []metav1.LabelSelectorRequirement{{Key: suiteLabel, Operator: metav1.LabelSelectorOpExists}},
			},
		}},
		{"-by-name", &admissionregistrationv1.MatchResources{ResourceRules: namedProbes()}},
	}
}

// probeCEL says that an object, which may be null, has the labels of a probe in its metadata at a path.
func probeCEL(object, metadata string) string {
	labels := "dyn(" + object + ").?" + metadata + ".?labels"
	return fmt.Sprintf("(%[1]s != null && %[2]s[?'%[3]s'].orValue('') == '%[4]s' && %[2]s[?'%[5]s'].hasValue())", object, labels, managedByLabel, managedBy, suiteLabel)
}

// sameCEL says that an update changes nothing but what the API server writes itself.
func sameCEL() string {
	return equalButCEL("object", "oldObject", "['metadata']") + " && " +
		equalButCEL("object.metadata", "oldObject.metadata", "['managedFields', 'resourceVersion', 'generation']")
}

// sameStatusCEL says that an update of a pod's status changes nothing that a result could follow from.
func sameStatusCEL() string {
	const status = ".?status.orValue(dyn({}))"
	return equalButCEL("object", "oldObject", "['metadata', 'status']") + " && " +
		equalButCEL("object.metadata", "oldObject.metadata", "['managedFields', 'resourceVersion', 'generation', 'annotations']") + " && " +
		equalButCEL("dyn(object)"+status, "dyn(oldObject)"+status, "['conditions', 'nominatedNodeName']")
}
