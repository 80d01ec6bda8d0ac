#!/usr/bin/env bash
# PostgreSQL that speaks TLS only. It takes no key that others can read, so it gets a copy of its own, in memory.
set -euo pipefail
install -m 600 /run/secrets/postgres-key /run/tls/server.key
exec docker-entrypoint.sh postgres -c ssl=on -c ssl_cert_file=/run/secrets/postgres-certificate -c ssl_key_file=/run/tls/server.key \
    -c ssl_min_protocol_version=TLSv1.2 -c hba_file=/etc/onedoor/pg_hba.conf -c max_connections=50
