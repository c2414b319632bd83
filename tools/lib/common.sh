# Sourced by the scripts in tools/. Gives them $repository, messages with the time since they began, and cleanup.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache_folder=${BIMIP_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/bimip}

say() { printf '[%4ds] %s\n' "$SECONDS" "$*"; }
complain() { printf '[%4ds] %s\n' "$SECONDS" "$*" >&2; }
die() {
  complain "$*"
  exit 2
}

# How many compilers at once: one a processor, and 1.5 GB of memory for each.
build_jobs() {
  local processors memory_kb by_memory
  processors=$(nproc)
  memory_kb=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)
  by_memory=$((memory_kb / 1500000))
  ((by_memory >= 1)) || by_memory=1
  echo $((processors < by_memory ? processors : by_memory))
}

# quietly LOG COMMAND...: runs it with its output in LOG; the end of the log is shown when it fails.
quietly() {
  local log=$1
  shift
  mkdir -p "$(dirname "$log")"
  if "$@" >"$log" 2>&1 </dev/null; then return 0; fi
  complain "failed: $*"
  grep -E -A15 '(error|FAILED|Error)\b' "$log" | head -n 60 >&2 || tail -n 40 "$log" >&2
  complain "all of its output: $log"
  return 1
}

# build PRESET [TARGET...]: configures where that was not done yet or the presets have changed, and builds.
build() {
  local preset=$1 started=$SECONDS
  shift
  local log=$repository/build/log/$preset
  if [[ ! $repository/build/$preset/build.ninja -nt $repository/CMakePresets.json ]]; then
    say "configuring build/$preset"
    (cd "$repository" && quietly "$log.configure" cmake --preset "$preset") || return 1
  fi
  say "building build/$preset${*:+: $*}"
  (cd "$repository" && quietly "$log.build" cmake --build --preset "$preset" -j "$(build_jobs)" ${*:+--target "$@"}) ||
    return 1
  say "built build/$preset in $((SECONDS - started)) s"
}
