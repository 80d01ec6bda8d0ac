#!/usr/bin/env bash
# Makes every secret that docker-compose.yml refers to, in deploy/compose/secrets/, which git ignores: passwords, a certificate
# authority, and certificates of it. What is there stays as it is; to have everything anew: docker compose down -v, and remove the folder.
#
# The folder is for its owner alone. The files in it can be read by all, since a container that is given one runs as another user.
set -euo pipefail
umask 022
cd "$(dirname "$0")"
install -d -m 700 secrets
cd secrets

if [ -e complete ]; then
    echo "secrets: all there, in $PWD"
    exit 0
fi

# password NAME: 32 random bytes, in characters that need no quoting.
password() {
    openssl rand -hex 32 | tr -d '\n' >"$1"
}

# certificate NAME USAGE HOST...: a key and a certificate of the authority for these hosts; USAGE is serverAuth, clientAuth or both.
certificate() {
    local name=$1 usage=$2 hosts
    shift 2
    hosts=$(printf ',DNS:%s' "$@")
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/O=Onedoor compose/CN=$name" -addext "subjectAltName=${hosts#,}" \
        -addext "extendedKeyUsage=$usage" -addext "keyUsage=digitalSignature" -keyout "$name.key" -out "$name.csr" 2>/dev/null
    openssl x509 -req -days 825 -copy_extensions copy -CA ca.crt -CAkey ca.key -in "$name.csr" -out "$name.crt" 2>/dev/null
    chmod 644 "$name.key"
    rm "$name.csr"
}

password postgres-password
password postgres-projector-password
password postgres-gateway-password
password redis-password
password grafana-password
password demo-password
openssl rand -base64 32 | tr -d '\n' >cache.key

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 825 -subj "/O=Onedoor compose/CN=authority" \
    -addext "keyUsage=critical,keyCertSign,cRLSign" -keyout ca.key -out ca.crt 2>/dev/null
certificate kafka serverAuth,clientAuth kafka kafka-2 kafka-3
certificate postgres serverAuth postgres
certificate redis serverAuth redis localhost
certificate onedoor clientAuth onedoor
# Kafka wants a key and its certificates in one file.
cat kafka.key kafka.crt ca.crt >kafka.pem
# Nobody needs the authority's key again.
rm ca.key

# Redis knows its user by the digest of the password.
cat >redis.acl <<ACL
user default off
user health on nopass -@all +ping
user onedoor on #$(openssl dgst -sha256 -r <redis-password | cut -d' ' -f1) ~onedoor:* +mget +set +get +del +evalsha +script|load +time +@connection
ACL
# Keycloak takes these from its environment only.
cat >keycloak.env <<ENV
KC_BOOTSTRAP_ADMIN_USERNAME=admin
KC_BOOTSTRAP_ADMIN_PASSWORD=$(openssl rand -hex 16)
DEMO_PASSWORD=$(cat demo-password)
ENV
touch complete
echo "secrets: made, in $PWD"
