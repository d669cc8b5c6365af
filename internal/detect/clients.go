// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

// shortFlags are clients whose password flag is one letter, by the flag: true if the
// password is stuck to it (mysql -px), false if it is the next word. From their manuals.
var shortFlags = map[string]map[string]bool{
	"mysql": {"-p": true}, "mysqldump": {"-p": true}, "mysqladmin": {"-p": true}, "mysqlimport": {"-p": true},
	"mariadb": {"-p": true}, "mariadb-dump": {"-p": true}, "mysqlsh": {"-p": true}, "mariadb-admin": {"-p": true}, "mysqlcheck": {"-p": true}, "mysqlpump": {"-p": true},
	"7z": {"-p": true}, "7za": {"-p": true}, "rar": {"-p": true},
	"redis-cli": {"-a": false}, "valkey-cli": {"-a": false}, "keydb-cli": {"-a": false},
	"mongo": {"-p": false}, "mongosh": {"-p": false}, "mongodump": {"-p": false}, "mongorestore": {"-p": false},
	"mongoexport": {"-p": false}, "mongoimport": {"-p": false}, "mongostat": {"-p": false},
	"sshpass": {"-p": true}, "docker": {"-p": false}, "podman": {"-p": false}, "oc": {"-p": false}, "helm": {"-p": false}, "skopeo": {"-p": false}, "buildah": {"-p": false}, "az": {"-p": false}, "nerdctl": {"-p": false}, "crane": {"-p": false}, "oras": {"-p": false},
	"sqlcmd": {"-p": false}, "bcp": {"-p": false}, "ldapsearch": {"-w": false}, "ldapadd": {"-w": false}, "ldapmodify": {"-w": false}, "ldapwhoami": {"-w": false}, "ldappasswd": {"-w": false},
	"cqlsh": {"-p": false}, "cypher-shell": {"-p": false}, "mosquitto_pub": {"-p": false}, "mosquitto_sub": {"-p": false},
	"zip": {"-p": false}, "unzip": {"-p": false}, "ipmitool": {"-p": false}, "rabbitmqadmin": {"-p": false}, "kcadm.sh": {"-p": false},
	"openssl": {"-k": false}, "isql": {"-p": false}, "tsql": {"-p": false}, "snmpwalk": {"-a": false, "-x": false}, "snmpget": {"-a": false, "-x": false},
	"mysqlslap": {"-p": true}, "odo": {"-p": false}, "cf": {"-p": false}, "argocd": {"-p": false},
}

// pairFlags are clients whose flag takes user:password.
var pairFlags = map[string]string{
	"curl": "-u", "http": "-a", "https": "-a", "xh": "-a", "lftp": "-u", "smbclient": "-U", "rpcclient": "-U", "nats": "-user", "ab": "-A", "siege": "-A",
}

// positional are commands that take the password as a word of its own: the words that
// introduce it, and how many words behind them it stands.
var positional = map[string][]struct {
	verb   string
	behind int
}{
	"mc":          {{"set", 4}, {"add", 4}},
	"rabbitmqctl": {{"add_user", 2}, {"change_password", 2}},
	"net":         {{"user", 2}},
	"cmdkey":      {},
}

// clients are the programs that have rules of their own.
var clients = func() map[string]bool {
	all := map[string]bool{}
	for p := range shortFlags {
		all[p] = true
	}
	for p := range pairFlags {
		all[p] = true
	}
	for p := range positional {
		all[p] = true
	}
	return all
}()

// capitalOnly are clients whose password flag is a capital (sqlcmd -P).
var capitalOnly = map[string]bool{
	"sqlcmd": true, "bcp": true, "mosquitto_pub": true, "mosquitto_sub": true, "ipmitool": true, "zip": true, "unzip": true,
	"isql": true, "tsql": true, "snmpwalk": true, "snmpget": true,
}
