// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// RetiredHost is a name that the app had once.
type RetiredHost struct {
	// host that must not resolve any more: for example old.example.com.
	// +required
	Host HostName `json:"host,omitempty"`

	// onForeign says what becomes of its records that this launch did not create: Report (a finding), or Delete. Report where it is
	// absent.
	// +optional
	OnForeign ForeignRecords `json:"onForeign,omitempty"`
}

// ForeignRecords says what is done about records that somebody else made.
//
// +kubebuilder:validation:Enum=Report;Delete
type ForeignRecords string

const (
	// ForeignReport leaves them and makes them a finding.
	ForeignReport ForeignRecords = "Report"
	// ForeignDelete deletes them.
	ForeignDelete ForeignRecords = "Delete"
)

// Origin is where the edge finds the app. One of its fields is set.
//
// +kubebuilder:validation:XValidation:rule="[has(self.hostname), has(self.addresses), has(self.ingressRef), has(self.gatewayRef), has(self.serviceRef)].filter(given, given).size() == 1",message="the app has one origin: set one of hostname, addresses, ingressRef, gatewayRef and serviceRef, and remove the others"
// +kubebuilder:validation:XValidation:rule="!has(self.hostname) || !isIP(self.hostname)",fieldPath=".hostname",message="an address is no name: write it into addresses, such as addresses: [203.0.113.7]"
// +kubebuilder:validation:XValidation:rule="!has(self.hostname) || !self.hostname.matches('[.](svc|local|localhost|internal|invalid|test|onion|alt|home[.]arpa)$')",fieldPath=".hostname",message="must be a name that public DNS knows, such as lb.example.net: Cloudflare is outside of the cluster; a Service of the type LoadBalancer goes into serviceRef"
type Origin struct {
	// hostname of a load balancer, as public DNS knows it: for example lb.example.net. It is none of the app's own hosts.
	// +optional
	Hostname HostName `json:"hostname,omitempty"`

	// addresses of a load balancer, IPv4 and IPv6: for example [203.0.113.7].
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Addresses []OriginAddress `json:"addresses,omitempty"`

	// ingressRef names an Ingress of the same namespace, whose status gives the address.
	// +optional
	IngressRef *ObjectName `json:"ingressRef,omitempty"`

	// gatewayRef names a Gateway (gateway.networking.k8s.io) of the same namespace, whose status gives the address.
	// +optional
	GatewayRef *ObjectName `json:"gatewayRef,omitempty"`

	// serviceRef names a Service of the type LoadBalancer of the same namespace, whose status gives the address.
	// +optional
	ServiceRef *ObjectName `json:"serviceRef,omitempty"`
}

// OriginAddress is an address that Cloudflare can reach. What it can't is a part of what internal/netguard lists with its sources:
// addresses for documentation are let through, for whoever tries things out.
//
// +kubebuilder:validation:MinLength=2
// +kubebuilder:validation:MaxLength=45
// +kubebuilder:validation:XValidation:rule="isIP(self)",message="must be an IPv4 or IPv6 address such as 203.0.113.7, without a port"
// +kubebuilder:validation:XValidation:rule="!isIP(self) || (ip(self).family() == 6 ? cidr('2000::/3').containsIP(self) : !['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16', '224.0.0.0/3'].exists(range, cidr(range).containsIP(self)))",message="must be a public address: Cloudflare can't reach one that is private, link-local, loopback or reserved; write that of the load balancer, such as 203.0.113.7, or name what has it in ingressRef, gatewayRef or serviceRef"
type OriginAddress string

// ObjectName names an object of the same namespace.
type ObjectName struct {
	// name of the object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be an object's name: lower-case letters, digits, '-' and '.', starting and ending with a letter or digit"
	Name string `json:"name,omitempty"`
}

// Cloudflare says how the zone in front of the app is set up and kept.
//
// +kubebuilder:validation:XValidation:rule="self.zone == oldSelf.zone",message="the zone can't change: remove cloudflare, wait until its records are gone or kept as deletionPolicy says, and add it anew"
type Cloudflare struct {
	// zone that the hosts are in, as Cloudflare names it: for example example.com.
	// +required
	Zone HostName `json:"zone,omitempty"`

	// apiTokenSecretRef names a Secret of the same namespace that holds an API token for the zone. Where it is absent, a LaunchPolicy's
	// credential for this zone, host and namespace is used; where there is one, it is the only one that is.
	// +optional
	APITokenSecretRef *SecretKeyReference `json:"apiTokenSecretRef,omitempty"`

	// mode is Observe (say what would change, change nothing), Enforce (change it and keep it so) or Revert (put back what stood
	// there before). Observe where it is absent.
	// +optional
	Mode EdgeMode `json:"mode,omitempty"`

	// adopt are the areas that are enforced on hosts that strangers could reach before this launch took them on, each after its own
	// pre-flight. On hosts that are new, all are.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Adopt []EdgeArea `json:"adopt,omitempty"`

	// deletionPolicy says what becomes of what is ours in the zone when this launch is deleted: Retain or Delete. Retain where it is
	// absent.
	// +optional
	DeletionPolicy EdgeDeletion `json:"deletionPolicy,omitempty"`

	// tls says how strict the edge is about encryption.
	// +optional
	TLS *EdgeTLS `json:"tls,omitempty"`

	// waf says what the web application firewall refuses.
	// +optional
	WAF *EdgeWAF `json:"waf,omitempty"`

	// rateLimits are the requests that one visitor may make in a time. Where it is absent, the paths of app.login are limited to 10 in
	// a minute and that of app.chat to its ratePerMinute. The same paths may have one limit for a moment and another for longer.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, a.paths.size() == b.paths.size() && a.paths.all(p, p in b.paths) && has(a.methods) == has(b.methods) && (!has(a.methods) || (a.methods.size() == b.methods.size() && a.methods.all(m, m in b.methods))) && (has(a.periodSeconds) ? a.periodSeconds : 60) == (has(b.periodSeconds) ? b.periodSeconds : 60)))",message="two limits count the same: of those with the same paths, methods and periodSeconds, keep the one with fewer requests"
	RateLimits []EdgeRateLimit `json:"rateLimits,omitempty"`

	// cache says what the edge may keep.
	// +optional
	Cache *EdgeCache `json:"cache,omitempty"`

	// holdingPage is what strangers see while the edge is locked (gate.edge).
	// +optional
	HoldingPage *HoldingPage `json:"holdingPage,omitempty"`
}

// EdgeMode says what is done about a zone that isn't as wanted.
//
// +kubebuilder:validation:Enum=Observe;Enforce;Revert
type EdgeMode string

const (
	// EdgeObserve says what would be changed.
	EdgeObserve EdgeMode = "Observe"
	// EdgeEnforce changes it, and keeps it so.
	EdgeEnforce EdgeMode = "Enforce"
	// EdgeRevert takes away what is ours and puts back what stood there before.
	EdgeRevert EdgeMode = "Revert"
)

// EdgeArea is a part of what is set up at the edge.
//
// +kubebuilder:validation:Enum=DNS;TLS;Redirects;Headers;WAF;RateLimits;Cache;Bots
type EdgeArea string

const (
	// AreaDNS are the records of the hosts.
	AreaDNS EdgeArea = "DNS"
	// AreaTLS is encryption towards visitors and the origin.
	AreaTLS EdgeArea = "TLS"
	// AreaRedirects are those to HTTPS and to the canonical host.
	AreaRedirects EdgeArea = "Redirects"
	// AreaHeaders are those that are set on replies, HSTS among them.
	AreaHeaders EdgeArea = "Headers"
	// AreaWAF is the web application firewall.
	AreaWAF EdgeArea = "WAF"
	// AreaRateLimits are the limits on login and chat.
	AreaRateLimits EdgeArea = "RateLimits"
	// AreaCache is what the edge keeps.
	AreaCache EdgeArea = "Cache"
	// AreaBots is what is done about bots, in the whole zone.
	AreaBots EdgeArea = "Bots"
)

// EdgeDeletion says what becomes of what is ours in a zone.
//
// +kubebuilder:validation:Enum=Retain;Delete
type EdgeDeletion string

const (
	// EdgeRetain leaves it as it is.
	EdgeRetain EdgeDeletion = "Retain"
	// EdgeDelete removes it.
	EdgeDelete EdgeDeletion = "Delete"
)

// EdgeTLS says how strict the edge is about encryption.
//
// +kubebuilder:validation:MinProperties=1
type EdgeTLS struct {
	// hsts says how long browsers remember that the hosts speak HTTPS alone. It is raised in steps: 300 s, a day, then this.
	// +optional
	HSTS *EdgeHSTS `json:"hsts,omitempty"`
}

// EdgeHSTS is the header Strict-Transport-Security (RFC 6797).
//
// +kubebuilder:validation:MinProperties=1
type EdgeHSTS struct {
	// mode is On or Off. On where it is absent.
	// +optional
	Mode Switch `json:"mode,omitempty"`

	// maxAgeSeconds that is reached in the end. 31536000, a year, where it is absent.
	// +optional
	// +kubebuilder:validation:Minimum=300
	// +kubebuilder:validation:Maximum=63072000
	MaxAgeSeconds *int32 `json:"maxAgeSeconds,omitempty"`
}

// Switch is On or Off.
//
// +kubebuilder:validation:Enum=On;Off
type Switch string

const (
	// SwitchOn does it.
	SwitchOn Switch = "On"
	// SwitchOff does not.
	SwitchOff Switch = "Off"
)

// EdgeWAF says what the web application firewall refuses.
//
// +kubebuilder:validation:MinProperties=1
type EdgeWAF struct {
	// managedRules says whether Cloudflare's managed rules are deployed for the hosts: On or Off. On where it is absent; the plan Free
	// has its own, which Cloudflare keeps on.
	// +optional
	ManagedRules Switch `json:"managedRules,omitempty"`

	// blockedPaths are beginnings of paths that nobody may ask for: for example [/.git/, /internal/]. Names that begin with a dot are
	// refused anyhow, but for /.well-known/.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	BlockedPaths []EdgePath `json:"blockedPaths,omitempty"`
}

// EdgePath is the beginning of a path, as it is sent.
//
// +kubebuilder:validation:MinLength=2
// +kubebuilder:validation:MaxLength=256
// +kubebuilder:validation:XValidation:rule="self.matches('^/[A-Za-z0-9._~/@:+=,;&-]*$')",message="must be a path such as /api/ or /login: beginning with '/', of letters, digits and ._~/@:+=,;&-"
// +kubebuilder:validation:XValidation:rule="!self.startsWith('/.well-known')",message="/.well-known belongs to certificates and standards: no rule touches it"
type EdgePath string

// EdgeRateLimit says how often one visitor may ask for something. The periods are those of
// https://developers.cloudflare.com/waf/rate-limiting-rules/parameters/ ("When rate exceeds > Period"); which of them a plan has, says
// https://developers.cloudflare.com/waf/rate-limiting-rules/#availability.
type EdgeRateLimit struct {
	// name of it, as findings give it: for example login.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Label().validate(self).hasValue()",message="must be a DNS label such as login: lower-case letters, digits and '-', starting and ending with a letter or digit"
	Name string `json:"name,omitempty"`

	// paths that are counted together: each the beginning of a path.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Paths []EdgePath `json:"paths,omitempty"`

	// methods that are counted: all where it is absent. The plan Free counts all.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=7
	Methods []HTTPMethod `json:"methods,omitempty"`

	// requests that one address may make in the period. One more is answered 429.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	Requests int32 `json:"requests,omitempty"`

	// periodSeconds in which they are counted: 10 on the plan Free, and more on those that are paid for. 60 where it is absent.
	// +optional
	// +kubebuilder:validation:Enum=10;60;120;300;600;3600
	// +kubebuilder:validation:Minimum=10
	PeriodSeconds *int32 `json:"periodSeconds,omitempty"`
}

// EdgeCache says what the edge may keep.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.staticPaths) || !has(self.privatePaths) || !self.staticPaths.exists(p, p in self.privatePaths)",message="a path is static or private: remove it from staticPaths if its replies are not the same for everybody, else from privatePaths"
type EdgeCache struct {
	// staticPaths are beginnings of paths whose replies are the same for everybody: for example [/assets/, /static/]. Files that are
	// known by their extension (css, js, images, fonts) are kept anyhow.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	StaticPaths []EdgePath `json:"staticPaths,omitempty"`

	// privatePaths are beginnings of paths whose replies are never kept, besides /api/ and the paths of app: for example [/account/].
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	PrivatePaths []EdgePath `json:"privatePaths,omitempty"`

	// staticSeconds is how long static replies are kept at the edge. 86400, a day, where it is absent; a plan's least time counts where
	// it is longer.
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=31536000
	StaticSeconds *int32 `json:"staticSeconds,omitempty"`
}

// HoldingPage is what strangers see while the edge is locked. Plans without custom errors (Free) show Cloudflare's own page instead.
//
// +kubebuilder:validation:MinProperties=1
type HoldingPage struct {
	// html of the page, complete. It may ask for nothing from the locked host.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=8192
	HTML string `json:"html,omitempty"`

	// retryAfterSeconds stands in the header Retry-After. 3600 where it is absent.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=86400
	RetryAfterSeconds *int32 `json:"retryAfterSeconds,omitempty"`
}

// EmailDomain says which mail a domain sends.
type EmailDomain struct {
	// domain that the mail is from: for example example.com.
	// +required
	Domain HostName `json:"domain,omitempty"`

	// spf says who may send for it (RFC 7208). The record is created only where the domain has none.
	// +optional
	SPF *EmailSPF `json:"spf,omitempty"`

	// dkim says where its signing keys are published (RFC 6376).
	// +optional
	DKIM *EmailDKIM `json:"dkim,omitempty"`

	// dmarc says what receivers do with mail that fails (RFC 9989). The record is created only where the domain has none, with p=none.
	// +optional
	DMARC *EmailDMARC `json:"dmarc,omitempty"`
}

// EmailSPF says who may send mail for a domain.
//
// +kubebuilder:validation:MinProperties=1
type EmailSPF struct {
	// include are the domains of those who send: for example [_spf.mail.example.net].
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Include []SPFDomain `json:"include,omitempty"`

	// addresses that send by themselves, alone or as CIDR: for example [203.0.113.0/28].
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Addresses []SPFAddress `json:"addresses,omitempty"`
}

// SPFDomain is a domain that an SPF record includes.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule="self.matches('^([a-z0-9_]([a-z0-9_-]*[a-z0-9])?[.])+[a-z0-9-]+$')",message="must be a domain such as _spf.mail.example.net: lower-case letters, digits, '-', '_' and '.'"
type SPFDomain string

// SPFAddress is an address, or a range of them, that an SPF record names. The ranges of the largest senders are smaller than those that
// it refuses.
//
// +kubebuilder:validation:MinLength=2
// +kubebuilder:validation:MaxLength=49
// +kubebuilder:validation:XValidation:rule="isIP(self) || isCIDR(self)",message="must be an address or a range such as 203.0.113.7 or 203.0.113.0/28"
// +kubebuilder:validation:XValidation:rule="!isCIDR(self) || cidr(self).prefixLength() >= (cidr(self).ip().family() == 4 ? 8 : 16)",message="lets too many send in the domain's name: write a range of /8 or smaller, or /16 or smaller for IPv6"
type SPFAddress string

// EmailDKIM says where signing keys are published.
//
// +kubebuilder:validation:MinProperties=1
type EmailDKIM struct {
	// selectors of the keys in use.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Selectors []DKIMSelector `json:"selectors,omitempty"`
}

// DKIMSelector is the name of a signing key.
type DKIMSelector struct {
	// name of the selector: for example s1, which is looked up at s1._domainkey.example.com.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Label().validate(self).hasValue()",message="must be a selector such as s1: lower-case letters, digits and '-', starting and ending with a letter or digit"
	Name string `json:"name,omitempty"`

	// target is the name at which the provider publishes the key. With it, a CNAME is created where the selector has no record.
	// +optional
	Target HostName `json:"target,omitempty"`
}

// EmailDMARC says what receivers do with mail that fails.
type EmailDMARC struct {
	// policy that is aimed at: none, quarantine or reject. quarantine where it is absent.
	// +optional
	Policy DMARCPolicy `json:"policy,omitempty"`

	// rua is where receivers send their reports: for example mailto:dmarc@example.com.
	// +required
	// +kubebuilder:validation:MinLength=8
	// +kubebuilder:validation:MaxLength=320
	// +kubebuilder:validation:XValidation:rule="self.matches('^mailto:[A-Za-z0-9._%+-]+@([A-Za-z0-9-]+[.])+[A-Za-z]{2,}$')",message="must be an address such as mailto:dmarc@example.com"
	RUA string `json:"rua,omitempty"`
}

// DMARCPolicy is the tag p of a DMARC record.
//
// +kubebuilder:validation:Enum=none;quarantine;reject
type DMARCPolicy string

// EdgeLock says when the edge answers strangers with a holding page.
//
// +kubebuilder:validation:Enum=Off;LockedUntilLaunched;LockedWhileFailing
type EdgeLock string

const (
	// EdgeLockOff never does.
	EdgeLockOff EdgeLock = "Off"
	// EdgeLockedUntilLaunched does until the app is Launchable for the first time. A host that strangers could reach before is never
	// locked.
	EdgeLockedUntilLaunched EdgeLock = "LockedUntilLaunched"
	// EdgeLockedWhileFailing does whenever the app is not Launchable, live or not.
	EdgeLockedWhileFailing EdgeLock = "LockedWhileFailing"
)

// EdgeStatus says how the zone compares with what the launch wants.
type EdgeStatus struct {
	// drift is the number of changes that would bring the zone to what is wanted.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Drift *int32 `json:"drift,omitempty"`

	// plan are the first 20 of these changes, in words.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MaxLength=256
	Plan []string `json:"plan,omitempty"`

	// locked are the hosts that strangers meet the holding page on.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	Locked []HostName `json:"locked,omitempty"`

	// reason why the zone can't be read or written, as one word; empty where it can.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`

	// message says more of the reason, and what to do.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
}

// EdgeRules are an organisation's about zones.
//
// +kubebuilder:validation:MinProperties=1
type EdgeRules struct {
	// credentials are API tokens for zones, with the hosts that namespaces may claim in them. Their Secrets are in the operator's own
	// namespace. Each is a grant, and no demand: it counts in the namespaces that both the policy's spec.namespaceSelector and its own
	// select, and those of all policies count side by side. An app does not get one by naming the policy in spec.policyRef.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Credentials []EdgeCredential `json:"credentials,omitempty"`

	// claimTTLSeconds is how long a host stays with the namespace that had it, after its launch is gone. 604800, a week, unless a policy
	// says otherwise; the longest wins.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=31536000
	ClaimTTLSeconds *int32 `json:"claimTTLSeconds,omitempty"`
}

// EdgeCredential is an API token for zones, and who may claim which hosts in them.
//
// +kubebuilder:validation:XValidation:rule="self.hosts.all(h, self.zones.exists(z, h == z || h.endsWith('.' + z)))",fieldPath=".hosts",message="each host must be in one of zones: the zone itself, a name below it such as app.example.com, or *. and such a name; add its zone, or remove it"
type EdgeCredential struct {
	// name of the credential.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Label().validate(self).hasValue()",message="must be a DNS label such as apps: lower-case letters, digits and '-', starting and ending with a letter or digit"
	Name string `json:"name,omitempty"`

	// zones that the token is for: for example [example.com].
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Zones []HostName `json:"zones,omitempty"`

	// hosts that may be claimed: names, or all below one: for example ["*.apps.example.com"].
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Hosts []HostPattern `json:"hosts,omitempty"`

	// namespaceSelector selects the namespaces that may claim them, among those that the policy's selects. An empty one selects all of
	// these.
	// +required
	NamespaceSelector *NamespaceSelector `json:"namespaceSelector,omitempty"`

	// apiTokenSecretRef names a Secret of the operator's namespace.
	// +required
	APITokenSecretRef SecretKeyReference `json:"apiTokenSecretRef,omitzero"`

	// zoneSettings says whether settings of the whole zone are tightened (Manage), or only made findings (Report). Report where it is
	// absent.
	// +optional
	ZoneSettings ZoneSettings `json:"zoneSettings,omitempty"`
}

// HostPattern is a host name, or *. and a domain for all names below it, however deep; the domain itself is not among them.
//
// +kubebuilder:validation:MinLength=3
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule="self.matches('^([*][.])?([a-z0-9]([a-z0-9-]*[a-z0-9])?[.])+[a-z0-9]([a-z0-9-]*[a-z0-9])?$')",message="must be a host name such as app.example.com, or *.example.com for all names below it"
type HostPattern string

// ZoneSettings says what is done about settings of a whole zone.
//
// +kubebuilder:validation:Enum=Report;Manage
type ZoneSettings string

const (
	// ZoneSettingsReport makes them findings.
	ZoneSettingsReport ZoneSettings = "Report"
	// ZoneSettingsManage tightens them.
	ZoneSettingsManage ZoneSettings = "Manage"
)
