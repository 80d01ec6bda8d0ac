#!/usr/bin/env bash
# Kafka, PostgreSQL and Redis for the tests, started natively on free loopback ports, with all they write in .stack/.
#
#   scripts/stack.sh up       start what does not run, wait until all is healthy, say where it is (also in .stack/env)
#   scripts/stack.sh down     stop all of it, and forget what it held
#   scripts/stack.sh healthy  exit 0 where all of it runs
#   scripts/stack.sh fetch    only install and download what it is made of
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/apt.sh

stack=$PWD/.stack
jars=$stack/kafka-4.4.0
services="kafka postgres redis"
patience=60

die() {
    echo "stack: $*" >&2
    exit 1
}

# --- What it is made of

# The folder of PostgreSQL's programs, which Debian keeps off the PATH.
postgres_programs() {
    local folder
    for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV) $(dirname "$(command -v postgres)" 2>/dev/null); do
        if [ -x "$folder/initdb" ] && [ -x "$folder/pg_isready" ]; then
            echo "$folder"
            return
        fi
    done
    return 1
}

fetch() {
    local missing=()
    postgres_programs >/dev/null || missing+=(postgresql)
    command -v redis-server >/dev/null || missing+=(redis-server)
    command -v java >/dev/null || missing+=(openjdk-17-jre-headless)
    command -v python3 >/dev/null || missing+=(python3)
    [ -d "$jars" ] || command -v mvn >/dev/null || missing+=(maven)
    [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}" || die "cannot go on without ${missing[*]}"
    [ -d "$jars" ] || fetch_kafka
}

fetch_kafka() {
    echo "stack: fetching Kafka from Maven Central"
    rm -rf "$jars.part"
    mvn -B -q -ntp -f scripts/stack/pom.xml dependency:copy-dependencies \
        -DincludeScope=runtime "-DoutputDirectory=$jars.part" || die "Maven could not fetch Kafka"
    # Every jar is as listed, and none is there that is not listed.
    (cd "$jars.part" && sha256sum --quiet --check --strict -) <scripts/stack/kafka.sha256 ||
        die "what was fetched is not what scripts/stack/kafka.sha256 says"
    [ "$(find "$jars.part" -type f | wc -l)" = "$(wc -l <scripts/stack/kafka.sha256)" ] ||
        die "more was fetched than scripts/stack/kafka.sha256 says"
    mv "$jars.part" "$jars"
}

# --- Processes

# Below the ports that Linux takes for outgoing connections: one of those may be gone before it is listened on.
free_port() {
    python3 - <<'EOF'
import random, socket
while True:
    port = random.randrange(15000, 32000)
    try:
        socket.socket().bind(("127.0.0.1", port))
        break
    except OSError:
        pass
print(port)
EOF
}

port() {
    cat "$stack/$1/port" 2>/dev/null
}

# When a process that still runs was started: with its number, which process it is.
started_at() {
    awk '{ sub(/.*\) /, ""); if ($1 != "Z") print $20 }' "/proc/$1/stat" 2>/dev/null
}

# start NAME COMMAND...: in the background, in a session of its own.
start() {
    local name=$1
    shift
    setsid "$@" </dev/null >"$stack/$name/log" 2>&1 &
    echo "$! $(started_at $!)" >"$stack/$name/process"
}

runs() {
    local pid start
    read -r pid start 2>/dev/null <"$stack/$1/process" && [ -n "$start" ] && [ "$(started_at "$pid")" = "$start" ]
}

# stop NAME: at once, since nothing it holds is kept.
stop() {
    local name=$1 signal=KILL pid
    # PostgreSQL has children and shared memory to clean up.
    [ "$name" != postgres ] || signal=QUIT
    if runs "$name"; then
        read -r pid _ <"$stack/$name/process"
        kill -s $signal "$pid"
        while runs "$name"; do sleep 0.05; done
    fi
    [ ! -e "$stack/$name/elsewhere" ] || rm -rf "$(cat "$stack/$name/elsewhere")"
    rm -rf "${stack:?}/$name"
}

# ensure NAME: healthy already, or started afresh.
ensure() {
    local name=$1 deadline=$((SECONDS + patience))
    if healthy "$name"; then
        echo "stack: $name runs and is healthy"
        return
    fi
    stop "$name"
    mkdir -p "$stack/$name"
    free_port >"$stack/$name/port"
    "start_$name"
    until healthy "$name"; do
        if ! runs "$name" || [ $SECONDS -ge $deadline ]; then
            tail -n 20 "$stack/$name/log" >&2
            die "$name did not start; its log is $stack/$name/log"
        fi
        sleep 0.1
    done
    echo "stack: $name was started"
}

healthy() {
    runs "$1" && "answers_$1" 2>/dev/null
}

# --- Each of them

start_kafka() {
    local folder=$stack/kafka controller java said
    controller=$(free_port)
    java=(java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$jars/*"
        "-Dlog4j2.configurationFile=file:$PWD/scripts/stack/log4j2.properties")
    cat scripts/stack/kafka.properties - >"$folder/server.properties" <<EOF
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$(port kafka),CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$(port kafka)
log.dirs=$folder/data
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
EOF
    said=$("${java[@]}" -Xmx128m kafka.tools.StorageTool format -t onedoorAAAAAAAAAAAAAAA -c "$folder/server.properties" 2>&1) ||
        die "Kafka could not make its folder: $said"
    start kafka "${java[@]}" -Xmx256m kafka.Kafka "$folder/server.properties"
}

answers_kafka() {
    grep -q 'Kafka Server started' "$stack/kafka/log" && (: </dev/tcp/127.0.0.1/"$(port kafka)")
}

start_postgres() {
    local folder=$stack/postgres data programs user=() said
    programs=$(postgres_programs)
    data=$folder/data
    mkdir "$data"
    # PostgreSQL refuses to run as root.
    if [ "$(id -u)" = 0 ]; then
        local name=nobody
        ! id postgres >/dev/null 2>&1 || name=postgres
        user=(setpriv "--reuid=$name" "--regid=$(id -g $name)" --clear-groups)
        # Where that user cannot come (below /root, say), the data lie elsewhere.
        if ! "${user[@]}" test -x "$data"; then
            data=$(mktemp -d /tmp/onedoor-postgres.XXXXXX)
            echo "$data" >"$folder/elsewhere"
        fi
        chown "$name" "$data"
    fi
    said=$(cd / && "${user[@]}" "$programs/initdb" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync -D "$data" 2>&1) ||
        die "PostgreSQL could not make its folder: $said"
    # Nothing here outlives the machine, so nothing waits for its disk.
    start postgres env --chdir=/ "${user[@]}" "$programs/postgres" -D "$data" -p "$(port postgres)" \
        -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c max_connections=400
}

answers_postgres() {
    "$(postgres_programs)/pg_isready" -q -h 127.0.0.1 -p "$(port postgres)"
}

start_redis() {
    start redis redis-server --port "$(port redis)" --bind 127.0.0.1 --dir "$stack/redis" --save '' --appendonly no
}

answers_redis() {
    [ "$(redis-cli -h 127.0.0.1 -p "$(port redis)" ping)" = PONG ]
}

# --- All of them

up() {
    fetch
    for service in $services; do
        ensure "$service"
    done
    tee "$stack/env" <<EOF
ONEDOOR_TEST_KAFKA=127.0.0.1:$(port kafka)
ONEDOOR_TEST_POSTGRES=postgres://postgres@127.0.0.1:$(port postgres)/postgres
ONEDOOR_TEST_REDIS=redis://127.0.0.1:$(port redis)
EOF
}

down() {
    rm -f "$stack/env"
    for service in $services; do
        stop "$service"
    done
    echo "stack: stopped"
}

mkdir -p "$stack"
exec 9>"$stack/lock"
flock 9
case ${1:-} in
up | down | fetch) "$1" 9>&- ;;
healthy) for service in $services; do healthy "$service" 9>&-; done ;;
*) die "say up, down, healthy or fetch" ;;
esac
