// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import "strings"

// shape is a token that its prefix gives away: the prefix, then min to max bytes of
// an alphabet, then something else.
type shape struct {
	kind   Kind
	prefix string
	body   charset
	min    int
	max    int // 0: no limit
	// check looks at the whole token, prefix included, where the alphabet is not enough.
	check func(token string) bool
}

// shapes are the tokens that gitleaks v8.30 lacks, or knows only in one length or
// beside the provider's name. Lengths are lower bounds with some room, as providers
// lengthen their tokens; body() wants them random-looking as well.
//
// Sources: the providers' documentation and announcements of scannable tokens, and
// GitHub's list of supported secret scanning patterns
// (https://docs.github.com/en/code-security/secret-scanning/introduction/supported-secret-scanning-patterns).
func shapes() []shape {
	groups := [][]shape{aiShapes(), platformShapes(), operationsShapes(), codeShapes(), productShapes(), paymentShapes(), keyShapes()}
	var all []shape
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

func aiShapes() []shape {
	return []shape{
		{kind: KindOpenAI, prefix: "sk-proj-", body: wordChar, min: 20},
		{kind: KindOpenAI, prefix: "sk-svcacct-", body: wordChar, min: 20},
		{kind: KindOpenAI, prefix: "sk-admin-", body: wordChar, min: 20},
		{kind: KindOpenAI, prefix: "sk-None-", body: wordChar, min: 20},
		{kind: KindAnthropic, prefix: "sk-ant-", body: wordChar, min: 20},
		{kind: KindOpenRouter, prefix: "sk-or-", body: wordChar, min: 20},
		{kind: KindLangfuse, prefix: "sk-lf-", body: wordChar, min: 20},
		{kind: KindSKKey, prefix: "sk-", body: wordChar, min: 20},
		{kind: KindGroq, prefix: "gsk_", body: alnum, min: 20},
		{kind: KindXAI, prefix: "xai-", body: wordChar, min: 20},
		{kind: KindReplicate, prefix: "r8_", body: alnum, min: 20},
		{kind: KindPerplexity, prefix: "pplx-", body: wordChar, min: 20},
		{kind: KindHuggingFace, prefix: "hf_", body: alnum, min: 20},
		{kind: KindHuggingFace, prefix: "api_org_", body: alnum, min: 20},
		{kind: KindCerebras, prefix: "csk-", body: alnum, min: 20},
		{kind: KindFireworks, prefix: "fw_", body: alnum, min: 20},
		{kind: KindTogether, prefix: "tgp_v1_", body: wordChar, min: 20},
		{kind: KindNVIDIA, prefix: "nvapi-", body: wordChar, min: 20},
		{kind: KindPinecone, prefix: "pcsk_", body: wordChar, min: 20},
		{kind: KindLangSmith, prefix: "lsv2_", body: wordChar, min: 20},
		{kind: KindLangSmith, prefix: "ls__", body: alnum, min: 20},
		{kind: KindElevenLabs, prefix: "sk_", body: hexLower, min: 40},
		{kind: KindTavily, prefix: "tvly-", body: wordChar, min: 20},
		{kind: KindFirecrawl, prefix: "fc-", body: hexLower, min: 32},
		{kind: KindJina, prefix: "jina_", body: wordChar, min: 20},
		{kind: KindVoyage, prefix: "pa-", body: wordChar, min: 40},
		{kind: KindE2B, prefix: "e2b_", body: hexLower, min: 32},
		{kind: KindBraintrust, prefix: "bt-st-", body: wordChar, min: 20},
		{kind: KindWandB, prefix: "wandb_v1_", body: wordChar, min: 20},
		{kind: KindCursor, prefix: "crsr_", body: alnum, min: 20},
		{kind: KindSourcegraph, prefix: "sgp_", body: wordChar, min: 32},
		{kind: KindApify, prefix: "apify_api_", body: alnum, min: 20},
	}
}

func platformShapes() []shape {
	return []shape{
		{kind: KindSupabase, prefix: "sbp_", body: wordChar, min: 32},
		{kind: KindSupabase, prefix: "sb_secret_", body: wordChar, min: 20},
		{kind: KindNeon, prefix: "napi_", body: alnum, min: 20},
		{kind: KindNeon, prefix: "npg_", body: alnum, min: 10},
		{kind: KindPlanetScale, prefix: "pscale_", body: wordChar | dot | equals, min: 24},
		{kind: KindXata, prefix: "xau_", body: alnum, min: 20},
		{kind: KindVercel, prefix: "vcp_", body: alnum, min: 24},
		{kind: KindVercel, prefix: "vck_", body: alnum, min: 24},
		{kind: KindVercel, prefix: "vercel_blob_rw_", body: wordChar, min: 20},
		{kind: KindNetlify, prefix: "nfp_", body: alnum, min: 24},
		{kind: KindNetlify, prefix: "nfo_", body: alnum, min: 24},
		{kind: KindCloudflare, prefix: "cfut_", body: wordChar, min: 24},
		{kind: KindCloudflare, prefix: "cfat_", body: wordChar, min: 24},
		{kind: KindCloudflare, prefix: "cfk_", body: wordChar, min: 24},
		{kind: KindRender, prefix: "rnd_", body: alnum, min: 20},
		{kind: KindFly, prefix: "fm2_", body: base64Any | equals, min: 60},
		{kind: KindDigitalOcean, prefix: "dop_v1_", body: hexLower, min: 40},
		{kind: KindDigitalOcean, prefix: "doo_v1_", body: hexLower, min: 40},
		{kind: KindDigitalOcean, prefix: "dor_v1_", body: hexLower, min: 40},
		{kind: KindHeroku, prefix: "HRKU-", body: wordChar, min: 30},
		{kind: KindVault, prefix: "hvs.", body: wordChar, min: 20},
		{kind: KindVault, prefix: "hvb.", body: wordChar, min: 40},
		{kind: KindVault, prefix: "hvr.", body: wordChar, min: 20},
		{kind: KindPulumi, prefix: "pul-", body: hexLower, min: 40},
		{kind: KindDoppler, prefix: "dp.pt.", body: alnum, min: 30},
		{kind: KindDoppler, prefix: "dp.st.", body: alnum | dot | dash, min: 30},
		{kind: KindDoppler, prefix: "dp.ct.", body: alnum, min: 30},
		{kind: KindDoppler, prefix: "dp.sa.", body: alnum, min: 30},
		{kind: KindDoppler, prefix: "dp.said.", body: alnum, min: 30},
		{kind: KindDoppler, prefix: "dp.scim.", body: alnum, min: 30},
		{kind: KindDoppler, prefix: "dp.audit.", body: alnum, min: 30},
		{kind: KindInfisical, prefix: "st.", body: hexLower | dot, min: 60},
		{kind: KindOnePassword, prefix: "ops_", body: base64Any | equals, min: 60},
		{kind: KindTailscale, prefix: "tskey-", body: wordChar, min: 20},
		{kind: KindNetBird, prefix: "nbp_", body: alnum, min: 30},
		{kind: KindDefinedNetworking, prefix: "dnkey-", body: wordChar, min: 30},
		{kind: KindAiven, prefix: "AVNS_", body: wordChar, min: 12},
		{kind: KindAiven, prefix: "aivenv1", body: base64Any | equals, min: 60},
		{kind: KindMongoDBAtlas, prefix: "mdb_sa_sk_", body: wordChar, min: 20},
		{kind: KindElasticCloud, prefix: "essu_", body: base64Any | equals, min: 30},
		{kind: KindDatabricks, prefix: "dapi", body: hexLower | dash, min: 32},
		{kind: KindConfluent, prefix: "cflt", body: base64Any, min: 50},
		{kind: KindCockroachDB, prefix: "CCDB1_", body: wordChar, min: 20},
	}
}

func operationsShapes() []shape {
	return []shape{
		{kind: KindAxiom, prefix: "xaat-", body: wordChar, min: 30},
		{kind: KindAxiom, prefix: "xapt-", body: wordChar, min: 30},
		{kind: KindPostHog, prefix: "phx_", body: wordChar, min: 20},
		{kind: KindPostHog, prefix: "phs_", body: wordChar, min: 20},
		{kind: KindHoneycomb, prefix: "hcaik_", body: alnum, min: 30},
		{kind: KindHoneycomb, prefix: "hcbik_", body: alnum, min: 30},
		{kind: KindHoneycomb, prefix: "hcxik_", body: alnum, min: 30},
		{kind: KindHoneycomb, prefix: "hcamk_", body: alnum, min: 30},
		{kind: KindHoneycomb, prefix: "hcalk_", body: alnum, min: 30},
		{kind: KindSentry, prefix: "sntrys_", body: base64Any | equals, min: 30},
		{kind: KindSentry, prefix: "sntryu_", body: hexLower, min: 40},
		{kind: KindSentry, prefix: "sntrya_", body: hexLower, min: 40},
		{kind: KindGrafana, prefix: "glsa_", body: wordChar, min: 32},
		{kind: KindGrafana, prefix: "glc_", body: base64Any | equals, min: 32},
		{kind: KindNewRelic, prefix: "NRAK-", body: alnum, min: 24},
		{kind: KindNewRelic, prefix: "NRII-", body: wordChar, min: 24},
		{kind: KindNewRelic, prefix: "NRRA-", body: alnum, min: 24},
		{kind: KindDynatrace, prefix: "dt0c01.", body: alnum | dot, min: 60},
		{kind: KindDynatrace, prefix: "dt0s", body: alnum | dot, min: 60},
		{kind: KindKong, prefix: "kpat_", body: alnum, min: 30},
		{kind: KindKong, prefix: "spat_", body: alnum, min: 30},
		{kind: KindCheckly, prefix: "cu_", body: hexLower, min: 32},
		{kind: KindAWSSession, prefix: "IQoJb3JpZ2luX2Vj", body: base64Any | equals, min: 60},
		{kind: KindAWSSession, prefix: "FwoGZXIvYXdz", body: base64Any | equals, min: 60},
		{kind: KindAWSBedrock, prefix: "ABSK", body: base64Any | equals, min: 80},
		{kind: KindGoogleOAuth, prefix: "GOCSPX-", body: wordChar, min: 20},
		{kind: KindGoogleOAuth, prefix: "ya29.", body: wordChar | dot, min: 30},
		{kind: KindGoogleOAuth, prefix: "1//0", body: wordChar, min: 40},
		{kind: KindGoogleAPI, prefix: "AQ.Ab", body: wordChar, min: 30},
		{kind: KindTencent, prefix: "AKID", body: alnum, min: 32, max: 32},
		{kind: KindYandex, prefix: "AQVN", body: wordChar, min: 34, max: 40},
		{kind: KindYandex, prefix: "y0_", body: wordChar, min: 50},
		{kind: KindScalingo, prefix: "tk-us-", body: wordChar, min: 40},
	}
}

func codeShapes() []shape {
	return []shape{
		{kind: KindGitHub, prefix: "ghp_", body: alnum, min: 30},
		{kind: KindGitHub, prefix: "gho_", body: alnum, min: 30},
		{kind: KindGitHub, prefix: "ghu_", body: alnum, min: 30},
		{kind: KindGitHub, prefix: "ghs_", body: wordChar | dot, min: 30},
		{kind: KindGitHub, prefix: "ghr_", body: alnum, min: 30},
		{kind: KindGitHub, prefix: "github_pat_", body: wordChar, min: 30},
		{kind: KindGitLab, prefix: "glpat-", body: wordChar | dot, min: 18},
		{kind: KindGitLab, prefix: "gldt-", body: wordChar | dot, min: 18},
		{kind: KindGitLab, prefix: "glrt-", body: wordChar | dot, min: 18},
		{kind: KindGitLab, prefix: "glrtr-", body: wordChar | dot, min: 18},
		{kind: KindGitLab, prefix: "glcbt-", body: wordChar | dot, min: 18},
		{kind: KindGitLab, prefix: "glptt-", body: wordChar, min: 18},
		{kind: KindGitLab, prefix: "glft-", body: wordChar, min: 18},
		{kind: KindGitLab, prefix: "glimt-", body: wordChar, min: 18},
		{kind: KindGitLab, prefix: "glagent-", body: wordChar | dot, min: 30},
		{kind: KindGitLab, prefix: "gloas-", body: wordChar, min: 30},
		{kind: KindGitLab, prefix: "glsoat-", body: wordChar, min: 18},
		{kind: KindGitLab, prefix: "glffct-", body: wordChar, min: 18},
		{kind: KindGitLab, prefix: "glwt-", body: wordChar | dot, min: 18},
		{kind: KindBitbucket, prefix: "ATBB", body: wordChar | equals, min: 28},
		{kind: KindBitbucket, prefix: "ATCTT3", body: wordChar | equals, min: 40},
		{kind: KindAtlassian, prefix: "ATATT3", body: wordChar | equals, min: 40},
		{kind: KindAtlassian, prefix: "ATSTT3", body: wordChar | equals, min: 40},
		{kind: KindNPM, prefix: "npm_", body: alnum, min: 30},
		{kind: KindPyPI, prefix: "pypi-", body: wordChar, min: 50},
		{kind: KindRubyGems, prefix: "rubygems_", body: hexLower, min: 40},
		{kind: KindNuGet, prefix: "oy2", body: lower | digit, min: 43, max: 43},
		{kind: KindDocker, prefix: "dckr_pat_", body: wordChar, min: 20},
		{kind: KindDocker, prefix: "dckr_oat_", body: wordChar, min: 20},
		{kind: KindArtifactory, prefix: "AKCp", body: alnum, min: 60},
		{kind: KindCrates, prefix: "cio", body: alnum, min: 32, max: 32},
		{kind: KindCircleCI, prefix: "CCIPAT_", body: wordChar, min: 30},
		{kind: KindCircleCI, prefix: "CCIPRJ_", body: wordChar, min: 30},
		{kind: KindBuildkite, prefix: "bkua_", body: hexLower, min: 30},
		{kind: KindBuildkite, prefix: "bkaj_", body: wordChar, min: 30},
		{kind: KindSonar, prefix: "squ_", body: hexLower, min: 40},
		{kind: KindSonar, prefix: "sqp_", body: hexLower, min: 40},
		{kind: KindSonar, prefix: "sqa_", body: hexLower, min: 40},
		{kind: KindPostman, prefix: "PMAK-", body: hexLower | dash, min: 40},
		{kind: KindReadMe, prefix: "rdme_", body: lower | digit, min: 40},
		{kind: KindPrefect, prefix: "pnu_", body: alnum, min: 30},
		{kind: KindPrefect, prefix: "pnb_", body: alnum, min: 30},
		{kind: KindOctopus, prefix: "API-", body: upper | digit, min: 25, max: 34},
		{kind: KindWorkOS, prefix: "sk_", body: wordChar, min: 60},
		{kind: KindInngest, prefix: "signkey-", body: wordChar, min: 30},
		{kind: KindTrigger, prefix: "tr_prod_", body: alnum, min: 18},
		{kind: KindTrigger, prefix: "tr_dev_", body: alnum, min: 18},
		{kind: KindTrigger, prefix: "tr_pat_", body: alnum, min: 18},
		{kind: KindUnkey, prefix: "unkey_", body: alnum, min: 18},
		{kind: KindLiveblocks, prefix: "sk_prod_", body: wordChar, min: 24},
		{kind: KindLiveblocks, prefix: "sk_dev_", body: wordChar, min: 24},
		{kind: KindDatabento, prefix: "db-", body: alnum, min: 29, max: 29},
	}
}

func productShapes() []shape {
	return []shape{
		{kind: KindResend, prefix: "re_", body: alnum | dash, min: 24, check: resendKey},
		{kind: KindSendGrid, prefix: "SG.", body: wordChar | dot, min: 40},
		{kind: KindBrevo, prefix: "xkeysib-", body: wordChar, min: 40},
		{kind: KindBrevo, prefix: "xsmtpsib-", body: wordChar, min: 40},
		{kind: KindMailerSend, prefix: "mlsn.", body: hexLower, min: 40},
		{kind: KindMailgun, prefix: "key-", body: hexLower, min: 32, max: 32},
		{kind: KindKlaviyo, prefix: "pk_", body: hexLower, min: 34, max: 34},
		{kind: KindClickUp, prefix: "pk_", body: alnum | dash, min: 36, check: clickUpKey},
		{kind: KindTwilio, prefix: "SK", body: hexLower, min: 32, max: 32},
		{kind: KindSlack, prefix: "xoxb-", body: wordChar, min: 20},
		{kind: KindSlack, prefix: "xoxp-", body: wordChar, min: 20},
		{kind: KindSlack, prefix: "xoxa-", body: wordChar, min: 20},
		{kind: KindSlack, prefix: "xoxr-", body: wordChar, min: 20},
		{kind: KindSlack, prefix: "xoxs-", body: wordChar, min: 20},
		{kind: KindSlack, prefix: "xoxc-", body: wordChar, min: 20},
		{kind: KindSlack, prefix: "xoxd-", body: wordChar, min: 20},
		{kind: KindSlack, prefix: "xoxe-", body: wordChar | dot, min: 20},
		{kind: KindSlack, prefix: "xoxe.xox", body: wordChar | dot, min: 20},
		{kind: KindSlack, prefix: "xapp-", body: wordChar, min: 20},
		{kind: KindShopify, prefix: "shpat_", body: hexDigit, min: 28},
		{kind: KindShopify, prefix: "shpca_", body: hexDigit, min: 28},
		{kind: KindShopify, prefix: "shppa_", body: hexDigit, min: 28},
		{kind: KindShopify, prefix: "shpss_", body: hexDigit, min: 28},
		{kind: KindShopify, prefix: "shpua_", body: hexDigit, min: 28},
		{kind: KindNotion, prefix: "ntn_", body: alnum, min: 40},
		{kind: KindNotion, prefix: "secret_", body: alnum, min: 43, max: 43},
		{kind: KindLinear, prefix: "lin_api_", body: alnum, min: 30},
		{kind: KindLinear, prefix: "lin_oauth_", body: alnum, min: 30},
		{kind: KindLinear, prefix: "lin_wh_", body: alnum, min: 20},
		{kind: KindFigma, prefix: "figd_", body: wordChar, min: 30},
		{kind: KindFigma, prefix: "figu_", body: wordChar, min: 30},
		{kind: KindAirtable, prefix: "pat", body: alnum | dot, min: 70, check: airtableToken},
		{kind: KindTrello, prefix: "ATTA", body: hexLower, min: 60},
		{kind: KindTypeform, prefix: "tfp_", body: wordChar | dot | equals, min: 40},
		{kind: KindHubSpot, prefix: "pat-na", body: hexLower | dash, min: 36},
		{kind: KindHubSpot, prefix: "pat-eu", body: hexLower | dash, min: 36},
		{kind: KindDropbox, prefix: "sl.", body: wordChar | equals, min: 100},
		{kind: KindContentful, prefix: "CFPAT-", body: wordChar, min: 30},
		{kind: KindMapbox, prefix: "sk.eyJ", body: wordChar | dot, min: 50},
		{kind: KindOneSignal, prefix: "os_v2_", body: wordChar, min: 40},
		{kind: KindPubNub, prefix: "sec-c-", body: wordChar, min: 30},
		{kind: KindLaunchDarkly, prefix: "sdk-", body: hexLower | dash, min: 36, max: 36},
		{kind: KindLaunchDarkly, prefix: "api-", body: hexLower | dash, min: 36, max: 36, check: uuidTail},
		{kind: KindZoho, prefix: "1000.", body: hexLower | dot, min: 64},
	}
}

func paymentShapes() []shape {
	return []shape{
		{kind: KindStripe, prefix: "sk_live_", body: wordChar, min: 16},
		{kind: KindStripe, prefix: "sk_test_", body: wordChar, min: 16},
		{kind: KindStripe, prefix: "rk_live_", body: wordChar, min: 16},
		{kind: KindStripe, prefix: "rk_test_", body: wordChar, min: 16},
		{kind: KindStripe, prefix: "sk_org_", body: wordChar, min: 16},
		{kind: KindStripeWebhook, prefix: "whsec_", body: base64Any | equals, min: 16},
		{kind: KindSquare, prefix: "sq0atp-", body: wordChar, min: 20},
		{kind: KindSquare, prefix: "sq0csp-", body: wordChar, min: 20},
		{kind: KindPlaid, prefix: "access-production-", body: hexLower | dash, min: 36, max: 36},
		{kind: KindPlaid, prefix: "access-sandbox-", body: hexLower | dash, min: 36, max: 36},
		{kind: KindPlaid, prefix: "access-development-", body: hexLower | dash, min: 36, max: 36},
		{kind: KindAdyen, prefix: "AQE", body: base64Any | equals | dot, min: 90},
		{kind: KindBraintree, prefix: "access_token$production$", body: lower | digit | colon, min: 16},
		{kind: KindFlutterwave, prefix: "FLWSECK-", body: wordChar, min: 20},
		{kind: KindFlutterwave, prefix: "FLWSECK_TEST-", body: wordChar, min: 12},
		{kind: KindPaddle, prefix: "pdl_", body: wordChar, min: 40},
		{kind: KindPolar, prefix: "polar_", body: wordChar, min: 30},
		{kind: KindMollie, prefix: "live_", body: wordChar | equals, min: 30},
		{kind: KindMollie, prefix: "test_", body: alnum, min: 30},
		{kind: KindXendit, prefix: "xnd_", body: wordChar, min: 30},
		{kind: KindShippo, prefix: "shippo_live_", body: hexDigit, min: 40},
		{kind: KindShippo, prefix: "shippo_test_", body: hexDigit, min: 40},
		{kind: KindEasyPost, prefix: "EZAK", body: alnum, min: 50},
		{kind: KindEasyPost, prefix: "EZTK", body: alnum, min: 50},
		{kind: KindDuffel, prefix: "duffel_", body: wordChar | equals, min: 40},
		{kind: KindRevenueCat, prefix: "atk_", body: alnum, min: 24},
		{kind: KindStytch, prefix: "secret-live-", body: wordChar | equals, min: 24},
		{kind: KindStytch, prefix: "secret-test-", body: wordChar | equals, min: 24},
		{kind: KindFacebook, prefix: "EAA", body: alnum, min: 90},
	}
}

// keyShapes are private keys without their PEM armour: the fixed first bytes of the
// DER of PKCS#8, PKCS#1 and SEC1, and of OpenSSH's format, in base64.
func keyShapes() []shape {
	return []shape{
		{kind: KindPrivateKey, prefix: "nsec1", body: lower | digit, min: 50},
		{kind: KindAgeKey, prefix: "AGE-SECRET-KEY-", body: upper | digit | dash, min: 40},
		{kind: KindPrivateKey, prefix: "MC4CAQAwBQYDK2VwBCIEI", body: base64Any | equals, min: 30},
		{kind: KindPrivateKey, prefix: "MIGHAgEAMBMGByqGSM49", body: base64Any | equals, min: 40},
		{kind: KindPrivateKey, prefix: "MIGTAgEAMBMGByqGSM49", body: base64Any | equals, min: 40},
		{kind: KindPrivateKey, prefix: "MHcCAQEEI", body: base64Any | equals, min: 40},
		{kind: KindPrivateKey, prefix: "MIIE", body: base64Any | equals, min: 80, check: rsaPrivate},
		{kind: KindPrivateKey, prefix: "MIIJ", body: base64Any | equals, min: 80, check: rsaPrivate},
		{kind: KindPrivateKey, prefix: "MIIC", body: base64Any | equals, min: 80, check: rsaPrivate},
		{kind: KindPrivateKey, prefix: "b3BlbnNzaC1rZXktdjE", body: base64Any | equals, min: 40},
	}
}

// rsaPrivate tells base64 DER of an RSA private key from that of a certificate, which
// begins with the same length bytes: behind them stands version 0 and either the
// algorithm (PKCS#8) or the modulus (PKCS#1).
func rsaPrivate(token string) bool {
	rest := token[6:]
	return len(rest) > 12 && (rest[:2] == "IB" && (rest[2:5] == "ADA" || rest[2:5] == "AAK"))
}

// resendKey: re_ is short, so the rest must be Resend's two parts, or long.
func resendKey(token string) bool {
	body := token[len("re_"):]
	return len(body) > 9 && (body[8] == '_' || alnum.all(body)) && mixed(body) && caseChanges(body) >= 2
}

// clickUpKey: pk_, digits, _, 32 letters and digits. Stripe's public keys are pk_live_.
func clickUpKey(token string) bool {
	body := token[len("pk_"):]
	digits := digit.run(body, 0)
	return digits >= 5 && digits < len(body) && body[digits] == '_' && (upper | digit).all(body[digits+1:])
}

func airtableToken(token string) bool {
	return len(token) > 20 && token[17] == '.' && hexLower.all(token[18:])
}

// uuidTail tells whether the last 36 bytes have a UUID's form.
func uuidTail(token string) bool { return len(token) >= 36 && uuid(token[len(token)-36:]) }

func uuid(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if s[i] != '-' {
				return false
			}
			continue
		}
		if !hexDigit.has(s[i]) {
			return false
		}
	}
	return true
}

// maxToken is the longest token that is read; what follows cannot change the verdict.
const maxToken = 2 << 10

// match returns the end of the token that begins with s.prefix at i, or -1.
func (s *shape) match(text string, i int) int {
	if i > 0 && (wordChar | s.body&^equals).has(text[i-1]) && !escapedBefore(text, i) {
		return -1
	}
	start := i + len(s.prefix)
	end := (s.body &^ equals).run(text[:min(len(text), start+maxToken)], start)
	for pad := 0; s.body&equals != 0 && pad < 2 && end < len(text) && text[end] == '='; pad++ {
		end++
	}
	for end > start && strings.IndexByte("-_.=", text[end-1]) >= 0 && s.body&equals == 0 {
		end--
	}
	n := end - start
	if n < s.min || (s.max > 0 && n > s.max) || !plausible(text[start:end]) {
		return -1
	}
	if s.check != nil && !s.check(text[i:end]) {
		return -1
	}
	return end
}

// escapedBefore tells an n, r or t that belongs to an escape (\n), not to a word.
func escapedBefore(text string, i int) bool {
	return i >= 2 && text[i-2] == '\\' && strings.IndexByte("nrt", text[i-1]) >= 0
}

// plausible tells the body of a real token from a description of one (your-key-here,
// xxxxxxxx, a slug of words).
func plausible(body string) bool {
	const enough = 200
	body = body[:min(len(body), enough)]
	if filler(body) || distinct(body) < 5 || placeholderWords(body) {
		return false
	}
	return !wordySlug(body)
}

// wordySlug tells words with hyphens and without a digit: sk-learn-contrib-models,
// test_database_connection_pool.
func wordySlug(body string) bool {
	if strings.ContainsAny(body, "0123456789") && strings.ContainsAny(body, "-_") {
		return wordy(body) && !randomToken(body, 8) && shortNumbers(body)
	}
	if !strings.ContainsAny(body, "-_.") || strings.ContainsAny(body, "0123456789") {
		return false
	}
	return wordy(body)
}

// shortNumbers tells whether digits come in runs of at most four, as in versions and years.
func shortNumbers(s string) bool {
	for i := 0; i < len(s); i++ {
		if !digit.has(s[i]) {
			continue
		}
		j := digit.run(s, i)
		if j-i > 4 {
			return false
		}
		i = j
	}
	return true
}
