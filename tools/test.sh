#!/usr/bin/env bash
# Installs what is missing, builds, runs the tests, and ends with their counts.
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

usage() {
  cat <<'END'
usage: tools/test.sh [--preset release|debug|asan|tsan|fuzz] [--no-install] [FILTER]

Without arguments, everything: installs what is missing, builds and runs all tests of the release build, then the
engine's under the address and undefined-behaviour sanitizers (asan) and the thread sanitizer (tsan).
With --preset only that build's; with FILTER, a regular expression over test names, only those (of release unless
--preset says otherwise). The last line is the count over all of them: "N passed, N failed, N skipped".
Exit codes: 0 all passed, 1 a test or a build failed or no test ran, 2 could not begin.

  tools/test.sh --preset asan engine_format_test
  tools/test.sh 'Record.*Limit'
END
}

presets=()
filter=
install=yes
while (($# > 0)); do
  case $1 in
    -h | --help) usage && exit 0 ;;
    --preset)
      [[ ${2:-} =~ ^(release|debug|asan|tsan|fuzz)$ ]] || { usage >&2 && exit 2; }
      presets=("$2") && shift
      ;;
    --no-install) install=no ;;
    -*) usage >&2 && exit 2 ;;
    *)
      [[ -z $filter ]] || { usage >&2 && exit 2; }
      filter=$1
      ;;
  esac
  shift
done
if ((${#presets[@]} == 0)); then
  presets=(release)
  [[ -n $filter ]] || presets+=(asan tsan)
fi

passed=0 failed=0 skipped=0
summary=()
failures=()

# The tools of a preset that are not here.
missing_tools() {
  local wanted=(cmake ninja ccache python3) tool
  case $1 in
    release | debug) wanted+=(g++ protoc) ;;
    *) wanted+=(clang++-19) ;;
  esac
  for tool in "${wanted[@]}"; do
    type -P "$tool" >/dev/null || printf '%s ' "$tool"
  done
}

# tsan needs its address ranges free. Where the kernel scatters mappings over more than 30 bits it starts again without
# that, which some containers forbid.
warn_of_tsan() {
  local bits
  bits=$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 28)
  if ((bits > 30)) && ! setarch -R true 2>/dev/null; then
    complain "tsan programs may not start here: vm.mmap_rnd_bits is $bits (28 is fine) and this container keeps it so"
  fi
}

# A filter that begins with a test program's whole name needs only that program built.
targets_for_filter() {
  local program=${filter%%.*}
  [[ $program =~ ^[a-z0-9_]+$ ]] || return 0
  ninja -C "$repository/build/$1" -t targets all 2>/dev/null | sed -n "s/^\($program\): phony$/\1/p"
}

# end_stage PRESET STARTED PASSED FAILED SKIPPED [NOTE]
end_stage() {
  passed=$((passed + $3)) failed=$((failed + $4)) skipped=$((skipped + $5))
  summary+=("$1: $3 passed, $4 failed, $5 skipped in $((SECONDS - $2)) s${6:+: $6}")
  say "${summary[-1]}"
}

run_stage() {
  local preset=$1 started=$SECONDS missing targets=()
  missing=$(missing_tools "$preset")
  if [[ -n $missing ]]; then
    end_stage "$preset" "$started" 0 1 0 "cannot run here, missing: $missing(tools/install.sh installs them)"
    return
  fi
  [[ $preset != tsan ]] || warn_of_tsan
  [[ -z $filter ]] || mapfile -t targets < <(targets_for_filter "$preset")
  if ! build "$preset" "${targets[@]}"; then
    end_stage "$preset" "$started" 0 1 0 "the build failed"
    return
  fi

  local results=$repository/build/$preset/tests.xml status=0
  rm -f "$results"
  say "running the tests of build/$preset${filter:+ that match $filter}"
  (cd "$repository" && ctest --preset "$preset" --output-junit "$results" ${filter:+-R "$filter"} </dev/null) || status=$?
  if [[ ! -s $results ]]; then
    end_stage "$preset" "$started" 0 1 0 "ctest ended with $status and left no results"
    return
  fi

  local counted stage_passed stage_failed stage_skipped note=
  counted=$(python3 "$repository/tools/lib/count_tests.py" "$results")
  read -r stage_passed stage_failed stage_skipped <<<"$counted"
  sed -n '2,$ { /./ s/^/        /p }' <<<"$counted"
  mapfile -t -O "${#failures[@]}" failures < <(sed -n "s/^failed: /failed in $preset: /p" <<<"$counted")
  if ((stage_passed + stage_failed == 0)); then
    stage_failed=1 note="no test ran"
  elif ((status != 0 && stage_failed == 0)); then
    stage_failed=1 note="ctest ended with $status"
  fi
  end_stage "$preset" "$started" "$stage_passed" "$stage_failed" "$stage_skipped" "$note"
}

[[ $install == no ]] || "$repository/tools/install.sh" test
for preset in "${presets[@]}"; do
  run_stage "$preset"
done

say "all of it took $SECONDS s"
printf '%s\n' "${failures[@]}" "${summary[@]}" | grep .
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
