// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import "strings"

// wordRole is what a word can be in a setting's name, as bits.
type wordRole uint32

const (
	// Nouns that name a credential when they are the head of the name.
	isPassword   wordRole = 1 << iota // password, passwd, pwd
	isPin                             // pin, passcode: digits are enough
	isSecret                          // secret, salt
	isCredential                      // credential, creds
	isToken                           // token, pat
	isKey                             // key: only with a qualifier
	isStrongKey                       // apikey, secretkey: a qualifier is built in
	isAuth                            // auth, authorization
	isCookie                          // cookie, session
	isSeed                            // seed, mnemonic

	// Words behind the head.
	isNeutral   // PASSWORD_PROD, API_KEY_V2: says nothing about what it is
	isAttribute // PASSWORD_LENGTH, TOKEN_URL: about the credential, not the credential

	// Words before the head.
	isKeyQualifier    // API_KEY, SIGNING_KEY
	isKeyInnocent     // PRIMARY_KEY, CACHE_KEY
	isTokenInnocent   // MAX_TOKENS, EOS_TOKEN
	isSecretQualifier // CLIENT_SECRET, SESSION_SECRET
	isSecretInnocent  // TLS_SECRET, EXISTING_SECRET: names of Secret objects
	isPublic          // PUBLIC_KEY, PUBLISHABLE_KEY
	isVendor          // OPENAI_KEY, API_KEY_STRIPE
	isVerb            // HAS_PASSWORD, USE_TOKEN: a switch
	isStore           // PASSWORD_DB: where, as well as whose
)

const (
	credentialNoun = isPassword | isPin | isSecret | isCredential | isToken | isKey |
		isStrongKey | isAuth | isCookie | isSeed
)

// vocabulary maps the words of settings' names to their roles.
var vocabulary = buildVocabulary()

func buildVocabulary() map[string]wordRole {
	table := map[string]wordRole{}
	add := func(role wordRole, words string) {
		for _, w := range strings.Fields(words) {
			table[w] |= role
		}
	}
	addNouns(add)
	addAttributes(add)
	addQualifiers(add)
	return table
}

func addNouns(add func(wordRole, string)) {
	add(isPassword, `password passwords passwd passwds pwd pwds passphrase passphrases passwort kennwort senha
		contrasena wachtwoord parola passord losenord haslo heslo mdp psk requirepass masterauth masteruserpassword
		bindpw rootpw userpw pass pw psw pswd passkey pword wpapsk keypass storepass sshpass passe motdepasse truststorepassword
		keystorepassword passwordb64 userpass`)
	add(isPin, `pin passcode pincode`)
	add(isSecret, `secret secrets salt salts pepper hmac secretbase sk`)
	add(isCredential, `credential credentials cred creds`)
	add(isToken, `token tokens pat jwt bearer`)
	add(isKey, `key keys`)
	add(isStrongKey, `apikey apikeys secretkey accesskey privatekey authkey signingkey encryptionkey masterkey
		licensekey licencekey sharedkey accountkey appkey servicekey presharedkey subscriptionkey cryptokey
		deploykey sshkey adminkey clientkey writekey hmackey appsecret sharedaccesskey storagekey authtoken`)
	add(isAuth, `auth authorization authentication basicauth httpauth basic oauth`)
	add(isCookie, `cookie cookies session sessionid sid phpsessid jsessionid sess`)
	add(isSeed, `seed mnemonic mnemonics seedphrase`)
}

func addAttributes(add func(wordRole, string)) {
	add(isNeutral, `value values val default defaults fallback prod production dev devel development stage staging
		stg test testing live sandbox qa uat preprod preview local old new current previous prev next primary secondary
		main backup base base64 b64 hex encoded raw plain plaintext cleartext clear string str literal encrypted
		v1 v2 v3 v4 one two a b us eu asia ap emea global internal external master replica reader writer ro rw read
		write readonly root admin administrator user app db database json yaml text txt data
		this override final only blue green canary active standby legacy temp tmp initial init bootstrap phrase`)
	add(isAttribute, `length len size min max minimum maximum count total number num limit limits bytes bits chars
		characters url urls uri uris endpoint endpoints host hosts hostname port ports address addr domain domains site
		name names file files filename path paths dir directory folder location mount mounted volume store storage vault
		ttl expiry expires expire expiration expired exp lifetime lifespan validity timeout timeouts duration age maxage
		seconds secs sec minutes mins hours days ms millis interval period delay grace window rotation rotate rotated
		rotator renew renewal refresh policy policies type types kind mode method methods scheme format version algorithm
		algo alg alg hash hashing hasher hashes digest cipher iterations rounds cost enabled enable disabled disable
		required require optional allowed allow forbidden enforce enforced strict header headers field fields param params
		parameter attribute attributes claim claims prefix prefixes suffix id ids uuid guid ref refs reference selector
		arn issuer iss audience aud subject sub scope scopes role roles group groups permission permissions provider
		providers source sources manager backend engine class factory bean encoder decoder generator generators validator
		validation validate verify verifier verification check checker checks checking strategy strength complexity
		pattern regex regexp label labels title hint hints description desc message messages msg help error errors
		invalid incorrect mismatch missing column table index namespace region env envvar variable var usage used use uses
		budget price pricing rate rates bucket sock socket through passthrough less reset resets forgot forgotten recovery
		recover change changed changes update updated history reuse confirm confirmation lock lockout attempts attempt
		retries retry username usernames login email mail owner state status flow grant response request code codes
		exchange server_url callback redirect plugin plugins module library service_name template templates schema
		spec config configuration conf settings options option map mapping list store_type input output prompt form
		page screen view button link protected protection management service_type exclude excluded include included
		ignore ignored match matches fallback_order order count_limit per_minute per_day per_request quota usage_limit
		tracking audit logging log metric metrics cache caching cached leeway skew tolerance clock position offset
		extractor resolver interceptor filter handler middleware guard strategy sync synced time date at by in from
		encoding encodings codec serializer serialiser deserializer formatter builder parser adapter dialect tokenizer
		visible visibility kid jti realm dn toggle style color colour icon placeholder`)
}

func addQualifiers(add func(wordRole, string)) {
	add(isKeyQualifier, `api secret private access auth signing sign signature encryption encrypt encrypted crypt crypto
		cipher aes des rsa hmac jwt jws jwe master service admin license licence shared account storage session webhook
		webhooks hook app application deploy ssh fernet ingest ingestion integration server subscription functions
		merchant wallet security sec token rest client consumer cookie csrf root super user developer dev sdk write kms
		decryption decrypt tls ssl mac pre preshared psk symmetric bearer login auth0 gateway partner team org project
		internal backend vault salt data unseal recovery`)
	add(isKeyInnocent, `primary foreign partition sort sorting cache cached row unique shard sharding group grouping index
		map object label annotation header metadata config configuration context feature flag flags registry message event
		translation locale i18n dedup dedupe deduplication idempotency lock ratelimit limit topic hot short shortcut arrow
		document tag tags dimension selector lookup color colour entry left right order join dict dictionary routing
		function surrogate natural composite candidate host hosts known keyboard answer music piano up down enter escape
		tab field column json yaml property properties path env variable setting settings redis memcached s3 bucket
		blob file filename state param parameter query sticky affinity hash hashing distribution count counter min max
		num number total size item record response request result user_id mapping routing_key queue collection session_id
		nav menu gpg pgp websocket socket dataset image video audio media page ref log trace span metric namespace claim role trusted authorized
		allowed error status sequence search verify verification verifying`)
	add(isTokenInnocent, `max min minimum maximum num number count total avg average prompt completion input output context
		reasoning thinking cached budget limit stop eos bos pad unk unknown mask cls sep special start end begin first last
		next previous prev continuation continue page cursor sync resume design erc20 erc721 nft native payment base quote
		per used remaining new fim user_start delimiter separator placeholder usage stream chunk overlap`)
	add(isSecretQualifier, `client app application session jwt auth nextauth authjs cookie webhook webhooks hook signing
		shared consumer oauth oauth2 oidc hmac csrf api admin access refresh token encryption account master user django
		flask rails laravel express hasura jws service channel bot turn hash password salt otp totp mfa cron revalidate
		revalidation preview internal wx pusher signature verification recaptcha turnstile captcha gateway the my our`)
	add(isSecretInnocent, `existing tls ssl pull image cert certificate ca external sealed k8s kube kubernetes target
		source template open opaque use create generate generated enable mount mounted registry docker regcred name named
		ref ingress istio docker git repo repository helm referenced`)
	add(isPublic, `public publishable pub anon anonymous browser site sitekey publickey pubkey publishablekey storefront
		clientside frontend pk`)
	add(isVendor, `openai anthropic claude cohere mistral groq xai grok gemini google googleai vertex azure aws gcp
		stripe paypal braintree adyen plaid square twilio sendgrid mailgun postmark resend mailchimp brevo sparkpost
		slack discord telegram teams github gitlab bitbucket jira atlassian confluence linear notion asana airtable figma
		datadog newrelic sentry grafana honeycomb pagerduty opsgenie splunk sumologic dynatrace elastic elasticsearch
		logtail axiom posthog segment amplitude mixpanel intercom zendesk hubspot salesforce shopify algolia cloudflare
		fastly vercel netlify heroku digitalocean linode hetzner render railway fly supabase firebase neon planetscale
		upstash mongodb mongo postgres postgresql pg mysql mariadb redis rabbitmq kafka nats amqp influx influxdb
		clickhouse snowflake databricks bigquery pinecone weaviate qdrant milvus chroma langsmith langchain langfuse
		helicone huggingface hf replicate together perplexity deepseek fireworks openrouter elevenlabs deepgram
		assemblyai stability npm pypi docker dockerhub quay artifactory jfrog sonar sonarqube snyk circleci travis
		jenkins buildkite drone argocd vault consul nomad terraform pulumi doppler infisical onepassword okta auth0
		clerk keycloak workos mapbox maps recaptcha hcaptcha turnstile launchdarkly flagsmith unleash smtp imap ldap
		ftp sftp mail facebook fb meta instagram whatsapp messenger wechat viber tavily serpapi serper exa voyage jina nvidia cerebras minio s3 wandb comet mlflow`)
	add(isStore, `db database`)
	add(isVerb, `has have is use using enable enabled disable disabled allow allowed require required requires show hide
		skip should can must no without need needs ignore validate verify check force auto generate rotate reset forgot
		change update confirm send get set fetch max min`)
}

// nounSuffixes are nouns that people write without a separator: DBPASSWORD,
// pgpassword, authtoken. Longer ones come first.
var nounSuffixes = []struct {
	suffix string
	role   wordRole
}{
	{"passphrase", isPassword},
	{"credentials", isCredential},
	{"privatekey", isStrongKey},
	{"accesskey", isStrongKey},
	{"secretkey", isStrongKey},
	{"password", isPassword},
	{"passwort", isPassword},
	{"apikey", isStrongKey},
	{"passwd", isPassword},
	{"secret", isSecret},
	{"token", isToken},
	{"pass", isPassword},
	{"pwd", isPassword},
	{"pw", isPassword},
}

// noNouns end like a noun of nounSuffixes and are none.
var noNouns = map[string]bool{
	"bypass": true, "compass": true, "trespass": true, "overpass": true, "underpass": true, "surpass": true,
	"encompass": true, "multipass": true, "highpass": true, "lowpass": true, "bandpass": true, "oldpwd": true,
	"onepass": true, "nopass": true, "proxypass": true,
}

// roleOf looks a lower-case word up, without its trailing digits if need be.
func roleOf(word string) wordRole {
	if role, ok := vocabulary[word]; ok {
		return role
	}
	end := len(word)
	for end > 0 && digit.has(word[end-1]) {
		end--
	}
	if end == 0 {
		return isNeutral
	}
	if end < len(word) {
		word = word[:end]
		if role, ok := vocabulary[word]; ok {
			return role
		}
	}
	if role := vocabulary[strings.TrimSuffix(word, "s")]; role&isAttribute != 0 {
		return isAttribute // validators, hashers
	}
	return roleBySuffix(word)
}

func roleBySuffix(word string) wordRole {
	if noNouns[word] {
		return 0
	}
	for _, n := range nounSuffixes {
		if len(word) > len(n.suffix) && strings.HasSuffix(word, n.suffix) {
			return n.role
		}
	}
	return 0
}
