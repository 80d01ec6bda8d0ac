#!/usr/bin/env bash
# What docker-compose.yml uses of the official image: POSTGRES_USER, POSTGRES_DB, POSTGRES_PASSWORD_FILE, /docker-entrypoint-initdb.d.
# Started as the user postgres, as docker-compose.yml does.
set -euo pipefail

if [ "${1:-}" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
    : "${POSTGRES_PASSWORD_FILE:?}"
    user=${POSTGRES_USER:-postgres}
    initdb --username="$user" --pwfile="$POSTGRES_PASSWORD_FILE" --auth-local=trust --auth-host=scram-sha-256 \
        --encoding=UTF8 --locale=C.UTF-8 "$PGDATA" >/dev/null
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
    database=${POSTGRES_DB:-$user}
    if [ "$database" != postgres ]; then
        pg_ctl -w start -o "-c listen_addresses=''" >/dev/null
        createdb --username="$user" "$database"
        for script in /docker-entrypoint-initdb.d/*.sh; do
            # shellcheck source=/dev/null
            [ ! -e "$script" ] || . "$script"
        done
        pg_ctl -w -m fast stop >/dev/null
    fi
fi
exec "$@"
