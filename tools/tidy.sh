#!/usr/bin/env bash
# Runs clang-tidy over the sources.
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

usage() {
  cat <<'END'
usage: tools/tidy.sh [--all | FILE...]

Runs clang-tidy-19 with the checks of .clang-tidy. Without arguments over what differs from the branch main: changed
sources, and the sources that include a changed header by name. --all takes minutes. Every finding is an error.
Exit codes: 0 nothing found, 1 findings, 2 could not run.

  tools/tidy.sh engine/store/store.cc
END
}

all_sources() { (cd "$repository" && find engine frontend tools tests bench -name '*.cc' | sort); }

changed_sources() {
  cd "$repository"
  local base changed file
  base=$(git merge-base HEAD main 2>/dev/null || git rev-parse HEAD)
  changed=$(git diff --name-only --diff-filter=d "$base" -- '*.cc' '*.h' && git ls-files --others --exclude-standard -- '*.cc' '*.h')
  for file in $changed; do
    case $file in
      *.cc) echo "$file" ;;
      *.h) grep -rlF --include='*.cc' "#include \"$file\"" engine frontend tools tests bench || true ;;
    esac
  done | sort -u
}

case ${1:-} in
  -h | --help) usage && exit 0 ;;
  --all) mapfile -t sources < <(all_sources) ;;
  -*) usage >&2 && exit 2 ;;
  '') mapfile -t sources < <(changed_sources) ;;
  *) sources=("$@") ;;
esac
type -P clang-tidy-19 >/dev/null || die "no clang-tidy-19 here: tools/install.sh installs it"
((${#sources[@]} > 0)) || { say "no source differs from main" && exit 0; }

# The stanzas' generated headers must be there, and how each file is compiled.
build release proto || exit 2
say "checking ${#sources[@]} sources"
status=0
cd "$repository"
# g++'s warning flags are not all clang's; the build is what warns.
printf '%s\0' "${sources[@]}" | xargs -0 -n 1 -P "$(build_jobs)" \
  clang-tidy-19 --quiet -p build/release --extra-arg=-Wno-everything 2> >(grep -v 'warnings generated' >&2) ||
  status=1
if ((status == 0)); then say "nothing found"; else say "findings above"; fi
exit "$status"
