// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"net/url"
	"strings"
)

// databaseSchemes are URL schemes of databases, caches and queues, without a driver's
// suffix (postgresql+asyncpg).
var databaseSchemes = wordSet(`postgres postgresql pg mysql mysql2 mariadb mongodb redis rediss valkey amqp amqps kafka
	nats sqlserver mssql oracle cockroachdb cockroach clickhouse cassandra couchdb couchbase neo4j bolt influxdb
	elasticsearch opensearch memcached db2 snowflake trino presto hive vertica redshift bigquery libsql tidb ldap
	ldaps mqtt mqtts stomp pulsar sqlite firebird sybase teradata aerospike scylla timescaledb questdb arangodb
	rethinkdb surrealdb edgedb gel jdbc doctrine pgsql`)

// urlAt reads the user part and the query of a URL whose "://" is at.
func (s *scan) urlAt(r region, at int) {
	scheme := schemeBefore(r.text, at)
	if scheme == "" {
		return
	}
	start := at + len("://")
	whole := r.text[start:s.urlEnd(r.text, start)]
	authority := whole
	if i := strings.IndexAny(whole, "/?#"); i >= 0 {
		authority = whole[:i]
	}
	i := strings.LastIndexByte(authority, '@')
	if i < 0 && database(scheme) {
		i = lateAt(whole, len(authority))
		authority = whole
	}
	if i >= 0 {
		s.userInfo(r, start, scheme, authority[:i], whole[i+1:])
	}
	if i := strings.IndexByte(whole, '?'); i >= 0 {
		s.signature(r, start+i+1, start+len(whole))
	}
}

// urlEnd returns the end of the URL whose authority begins at start. What was looked through for the URL before is not
// looked through again, for in a://a://a:// each is a part of the one before.
func (s *scan) urlEnd(text string, start int) int {
	limit := min(len(text), start+maxToken)
	end := start
	if text == s.urls.text && s.urls.from <= start && start <= s.urls.to {
		end = s.urls.to
	}
	for end < limit && strings.IndexByte(" \t\r\n\"'`<>|\\", text[end]) < 0 {
		end++
	}
	s.urls.text, s.urls.from, s.urls.to = text, start, end
	return min(end, limit)
}

func schemeBefore(text string, at int) string {
	start := at
	for start > 0 && at-start < 32 && ((alnum | dot).has(text[start-1]) || text[start-1] == '+' || text[start-1] == '-') {
		start--
	}
	return text[start:at]
}

func database(scheme string) bool {
	scheme, _, _ = strings.Cut(scheme, "+")
	return inSet(databaseSchemes, scheme)
}

// lateAt finds the @ of a password with a slash, question mark or hash in it that
// nobody encoded: postgres://app:p/w@db. The part before must have a colon, and not
// be a host with its port.
func lateAt(whole string, authorityEnd int) int {
	colon := strings.IndexByte(whole[:authorityEnd], ':')
	if colon < 0 || digit.all(whole[colon+1:authorityEnd]) {
		return -1
	}
	return strings.LastIndexByte(whole, '@')
}

// userInfo judges user:password, or a token in the user's place.
func (s *scan) userInfo(r region, start int, scheme, info, rest string) {
	user, pw, ok := strings.Cut(info, ":")
	if !ok {
		if randomToken(user, 20) && !sentryDSN(user, rest) && !parseTemplate(user).found {
			s.add(r, start, start+len(user), KindURLToken, "url-user", byGrammar)
		}
		return
	}
	plain := pw
	if strings.IndexByte(pw, '%') >= 0 {
		if p, err := url.PathUnescape(pw); err == nil {
			plain = p
		}
	}
	if noPassword(plain) && !(database(scheme) && inSet(weakPasswords, plain) && inService(rest)) {
		return
	}
	kind := KindURLPassword
	if database(scheme) {
		kind = KindDatabaseURL
	}
	at := start + len(user) + 1
	s.addText(r, plain, at, at+len(pw), kind, "url-password", byGrammar)
}

// inService tells by its host whether a database's URL is one that an app connects to, as against an example.
func inService(rest string) bool {
	host := rest
	if i := strings.IndexAny(rest, ":/?"); i >= 0 {
		host = rest[:i]
	}
	switch lowerASCII(host) {
	case "", "host", "hostname", "server", "localhost", "127.0.0.1", "address":
		return false
	}
	return !strings.Contains(host, "example") && !Placeholder(host) && !parseTemplate(host).found
}

// noPassword tells what stands in a password's place and is none: nothing, a
// reference, a placeholder.
func noPassword(pw string) bool {
	if len(pw) < 2 || Placeholder(pw) {
		return true
	}
	if t := parseTemplate(pw); t.found {
		for _, def := range t.defaults {
			if !noPassword(def) {
				return false
			}
		}
		_, secret := t.literalSecret()
		return !secret
	}
	return strings.HasPrefix(pw, "%s") || strings.HasPrefix(pw, "%(") || strings.HasPrefix(pw, "{") && strings.HasSuffix(pw, "}")
}

// sentryDSN tells a client key: 32 hexadecimal digits and a path that is a number. It
// is public (https://docs.sentry.io/concepts/key-terms/dsn-explainer/).
func sentryDSN(user, rest string) bool {
	i := strings.LastIndexByte(rest, '/')
	return hexLower.all(user) && len(user) == 32 && i >= 0 && (digit.all(rest[i+1:]) || rest[i+1:] == "")
}

// signature finds what signs a URL: Azure's sig (with se or sv), Amazon's and
// Google's X-...-Signature, and the code of an Azure function.
func (s *scan) signature(r region, start, end int) {
	query := r.text[start:end]
	azure := strings.Contains(query, "se=") || strings.Contains(query, "sv=")
	for from := 0; from < len(query); {
		to := nextOf(query, from, '&')
		key, value, _ := strings.Cut(query[from:to], "=")
		signed := strings.EqualFold(key, "x-amz-signature") || strings.EqualFold(key, "x-goog-signature") ||
			azure && key == "sig" || key == "code" && len(value) >= 40
		if signed && len(value) >= 20 && plausible(value) {
			s.add(r, start+from+len(key)+1, start+to, KindSignedURL, "signed-url", byGrammar)
		}
		from = to + 1
	}
}

// goMySQLAt reads Go's MySQL data source name: user:password@tcp(host:3306)/db.
func (s *scan) goMySQLAt(r region, at int) {
	start := at
	for start > 0 && at-start < 256 && strings.IndexByte(" \t\n\"'`=", r.text[start-1]) < 0 {
		start--
	}
	if user, pw, ok := strings.Cut(r.text[start:at], ":"); ok && !noPassword(pw) {
		from := start + len(user) + 1
		s.addText(r, pw, from, at, KindDatabaseURL, "mysql-dsn", byGrammar)
	}
}

// oracleAt reads jdbc:oracle:thin:user/password@host.
func (s *scan) oracleAt(r region, at int) {
	start := at + strings.IndexByte(r.text[at:], ':') + 1
	end := start
	for end < len(r.text) && end-start < 256 && strings.IndexByte(" \t\n\"'`", r.text[end]) < 0 {
		end++
	}
	i := strings.IndexByte(r.text[start:end], '@')
	if i < 0 {
		return
	}
	user, pw, ok := strings.Cut(r.text[start:start+i], "/")
	if ok && user != "" && !noPassword(pw) {
		from := start + len(user) + 1
		s.addText(r, pw, from, start+i, KindDatabaseURL, "oracle", byGrammar)
	}
}

// ezConnectAt reads Oracle's user/password@//host:port/service.
func (s *scan) ezConnectAt(r region, at int) {
	start := at
	for start > 0 && at-start < 256 && strings.IndexByte(" \t\n\"'`=:", r.text[start-1]) < 0 {
		start--
	}
	user, pw, ok := strings.Cut(r.text[start:at], "/")
	if ok && identifier(user) && !strings.Contains(pw, "/") && !noPassword(pw) {
		s.addText(r, pw, start+len(user)+1, at, KindDatabaseURL, "oracle", byGrammar)
	}
}

// webhookHosts are hosts and paths whose URLs let whoever knows them post.
var webhookHosts = []string{
	"hooks.slack.com/", "discord.com/api/webhooks/", "discordapp.com/api/webhooks/", "hooks.zapier.com/hooks/catch/",
	"webhook.office.com/webhookb2/", "outlook.office.com/webhook/", "chat.googleapis.com/v1/spaces/",
	"events.pagerduty.com/integration/", "open.feishu.cn/open-apis/bot/", "open.larksuite.com/open-apis/bot/",
	"qyapi.weixin.qq.com/cgi-bin/webhook/send?key=", "oapi.dingtalk.com/robot/send?access_token=", "hook.us1.make.com/",
	"hook.eu1.make.com/", "hook.eu2.make.com/", "hooks.airtable.com/workflows/", "alert.victorops.com/integrations/",
	"g.alchemy.com/v2/", "infura.io/v3/", "maker.ifttt.com/trigger/", "api.day.app/", "n8n.cloud/webhook/", "mattermost.com/hooks/",
	"logic.azure.com/workflows/", "logic.azure.com:443/workflows/",
}

// webhookAt wants a random-looking last part behind the host and path.
func (s *scan) webhookAt(r region, at int) {
	end := at
	for end < len(r.text) && end-at < maxToken && strings.IndexByte(" \t\r\n\"'`<>\\,;)", r.text[end]) < 0 {
		end++
	}
	whole := r.text[at:end]
	if parseTemplate(whole).found {
		return
	}
	for i := len(whole); i > 0; {
		j := strings.LastIndexAny(whole[:i], "/=")
		part := whole[j+1 : i]
		if len(part) >= 16 && (randomToken(part, 16) || uuid(part)) && plausible(part) {
			s.add(r, at, end, KindWebhookURL, "webhook", byGrammar)
			return
		}
		i = max(j, 0)
	}
}
