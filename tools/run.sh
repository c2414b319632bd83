#!/usr/bin/env bash
# Installs what is missing, builds, starts bimipd and shows it at work.
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

usage() {
  cat <<'END'
usage: tools/run.sh [--data-dir DIR] [--port PORT] [--keep | --stop]

Installs what is missing, builds, and starts bimipd on DIR (default ./bimip-data) at 127.0.0.1:PORT (default 7450),
open to this machine only, with WebSocket and HTTP on the port after it and gRPC on the one after that. Then shows it at work: makes a topic, publishes three messages, kills the server with -9,
starts it again and replays the messages. On a terminal the server is left running until Ctrl-C, so that you can go on
from a second one; otherwise it is stopped after the show. --keep and --stop choose for yourself. The data stay in DIR:
another run finds them and adds to them.
Exit codes: 0 shown, 1 the replay was not what was published, 2 could not run.

  tools/run.sh --data-dir /tmp/bimip-data
END
}

data_folder=./bimip-data
port=7450
keep=no
[[ -t 0 && -t 1 ]] && keep=yes
while (($# > 0)); do
  case $1 in
    -h | --help) usage && exit 0 ;;
    --data-dir | --port)
      (($# > 1)) || { usage >&2 && exit 2; }
      [[ $1 == --port ]] && port=$2 || data_folder=$2
      shift
      ;;
    --keep) keep=yes ;;
    --stop) keep=no ;;
    *) usage >&2 && exit 2 ;;
  esac
  shift
done

"$repository/tools/install.sh" build
build release bimipd bimip || exit 2

PATH=$repository/build/release/bin:$PATH
export BIMIP_SERVER=127.0.0.1:$port
http=127.0.0.1:$((port + 1))
grpc=127.0.0.1:$((port + 2))
log=$repository/build/log/bimipd
server=
shown=0  # lines of the log that were printed

show_log() {
  tail -n +$((shown + 1)) "$log" | sed 's/^/  bimipd | /'
  shown=$(wc -l <"$log")
}

start_server() {
  say "\$ bimipd --data-dir $data_folder --tcp $BIMIP_SERVER --http $http --grpc $grpc --dev"
  : >"$log"
  shown=0
  bimipd --data-dir "$data_folder" --tcp "$BIMIP_SERVER" --http "$http" --grpc "$grpc" --dev >"$log" 2>&1 </dev/null &
  server=$!
  local deadline=$((SECONDS + 60))
  until grep -q '^grpc on ' "$log"; do
    if ! kill -0 "$server" 2>/dev/null; then
      show_log
      server=
      die "bimipd did not start"
    fi
    ((SECONDS < deadline)) || die "bimipd does not listen after 60 s: see $log"
    sleep 0.02
  done
  show_log
}

stop_server() {
  [[ -n $server ]] || return 0
  kill -TERM "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  server=
  show_log
}

show() {
  say "\$ $*"
  "$@" | sed 's/^/  /'
}

trap stop_server EXIT
trap 'exit 0' INT TERM

start_server
show bimip topic create demo
messages=()
for n in 1 2 3; do
  messages+=("message $n of $(date +%T)")
  show bimip pub demo "${messages[-1]}"
done

say "\$ kill -9 $server"
kill -9 "$server"
wait "$server" 2>/dev/null || true
server=
start_server

show bimip sub demo --from last:3 --count 3
replayed=$(bimip sub demo --from last:3 --count 3)
for message in "${messages[@]}"; do
  if [[ $replayed != *"$message"* ]]; then
    complain "published and acknowledged, but not replayed: $message"
    exit 1
  fi
done
say "everything that was acknowledged before the kill -9 was replayed after it"
show bimip --as alice send bob "a message of $(date +%T)"
show bimip --as bob --device phone inbox --until-end --ack
if type -P curl >/dev/null; then
  show curl -sS "http://$http/readyz"
  say "\$ curl -sS http://$http/metrics | grep ^bimip_delivered"
  curl -sS "http://$http/metrics" | grep '^bimip_delivered' | sed 's/^/  /'
fi

if [[ $keep == no ]]; then
  say "stopping bimipd; the data are in $data_folder (--keep leaves it running)"
  exit 0
fi
say "bimipd is running at $BIMIP_SERVER; Ctrl-C stops it. From another terminal:"
echo "  export PATH=$repository/build/release/bin:\$PATH BIMIP_SERVER=$BIMIP_SERVER"
echo "  bimip sub demo --from earliest"
echo "  bimip pub demo 'hello'"
echo "  curl http://$http/metrics"
echo "WebSocket (bimip.v1, bimip.v1.json) is at ws://$http/, gRPC at $grpc"
wait "$server" || true
