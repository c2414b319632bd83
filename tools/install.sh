#!/usr/bin/env bash
# Installs what is missing on a Debian 12 machine: the packages of tools/packages.txt, from npm buf and the clients that
# tests/clients speaks to the server through, and two programs of Go.
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

buf_version=1.75.0
# The number in the folder's name goes up with any of the versions: tests/clients/node.py names it too.
clients=(ws@8.23.0 @grpc/grpc-js@1.14.7 @grpc/proto-loader@0.8.1 protobufjs@7.6.6 long@5.3.2)
clients_folder=$cache_folder/clients-2
# Likewise with tests/clients/h2spec/go.mod and tests/clients/http2.py.
h2spec_folder=$cache_folder/h2spec-1
grpcurl=v1.8.8
grpcurl_folder=$cache_folder/grpcurl-1  # tests/clients/grpcurl_test.py

usage() {
  cat <<'END'
usage: tools/install.sh [build|test]

Installs what is missing of what Bimip needs on Debian 12. "build" is enough to build and run it; "test" (the
default) is everything. Asks apt only for what is missing, so a second run takes no time. Needs root, or sudo.

  tools/install.sh build
END
}

# The packages of a group that dpkg does not have.
missing_packages() {
  local group=$1 in_group package word command rest
  local wanted=()
  while read -r in_group package word command rest; do
    [[ $in_group == build || $in_group == "$group" ]] || continue
    [[ $word == unless ]] && type -P "$command" >/dev/null && continue
    wanted+=("$package")
  done < <(sed 's/#.*//' "$repository/tools/packages.txt")
  local installed
  installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "${wanted[@]}" 2>/dev/null | awk '$1 == "ii" { print $2 }' || true)
  printf '%s\n' "${wanted[@]}" | grep -vxF -e "$installed" || true
}

as_root=()
if ((EUID != 0)); then
  as_root=(sudo)
  [[ -t 0 ]] || as_root+=(-n)  # nobody there to type a password
fi

apt_get() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@"
}

# Package lists are fetched only when the ones at hand do not lead to the packages.
apt_install() {
  apt_get install --no-install-recommends "$@" && return 0
  apt_get update && apt_get install --no-install-recommends "$@"
}

install_packages() {
  local missing=()
  mapfile -t missing < <(missing_packages "$1")
  ((${#missing[@]} > 0)) || return 0
  local by_hand="apt-get update && apt-get install --no-install-recommends ${missing[*]}"
  if ((EUID != 0)) && ! type -P sudo >/dev/null; then
    die "missing: ${missing[*]}. Neither root nor sudo here; as root: $by_hand"
  fi
  say "installing ${#missing[@]} packages: ${missing[*]}"
  quietly "$repository/build/log/apt" apt_install "${missing[@]}" || die "could not install; by hand, as root: $by_hand"
}

# npm_install FOLDER SKIPPED PACKAGE...: not worth failing for, without them those tests are skipped and say so.
npm_install() {
  local folder=$1 skipped=$2
  shift 2
  [[ -e $folder/installed ]] && return 0
  if ! type -P npm >/dev/null; then
    complain "no npm: $* cannot be installed, $skipped will be skipped"
    return 0
  fi
  say "installing $* from npm into $folder"
  mkdir -p "$folder"
  if quietly "$repository/build/log/npm" npm install --prefix "$folder" --no-audit --no-fund --no-save \
    --loglevel=error --fetch-retries=1 --fetch-retry-mintimeout=1000 "$@"; then
    touch "$folder/installed"
  else
    complain "$* could not be installed, $skipped will be skipped"
  fi
}

# go_build FOLDER PROGRAM COMMAND...: builds FOLDER/PROGRAM where it is not there; as npm_install() not worth failing for.
go_build() {
  local folder=$1 program=$2
  shift 2
  [[ ! -x $folder/$program ]] || return 0
  if ! type -P go >/dev/null; then
    complain "no go: $program cannot be built, its tests will be skipped"
    return 0
  fi
  say "building $program into $folder"
  mkdir -p "$folder"
  quietly "$repository/build/log/$program" env GOTOOLCHAIN=local GOBIN="$folder" "$@" ||
    complain "$program could not be built, its tests will be skipped"
}

case ${1:-test} in
  build | test) group=${1:-test} ;;
  -h | --help) usage && exit 0 ;;
  *) usage >&2 && exit 2 ;;
esac

if ! type -P dpkg-query apt-get >/dev/null; then
  complain "this is no Debian: have the likes of the packages in tools/packages.txt installed"
else
  install_packages "$group"
fi
if [[ $group == test ]]; then
  npm_install "$cache_folder/buf-$buf_version" "the lint of proto/" "@bufbuild/buf@$buf_version"
  npm_install "$clients_folder" "the tests of node's and the browser's clients" "${clients[@]}"
  # Of go.mod and go.sum there: h2spec itself names no versions of what it needs. -C would need a newer go than Debian's.
  cd "$repository/tests/clients/h2spec"
  go_build "$h2spec_folder" h2spec go install -mod=readonly -buildvcs=false github.com/summerwind/h2spec/cmd/h2spec
  cd "$repository"
  go_build "$grpcurl_folder" grpcurl go install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$grpcurl"
fi
say "everything for \"$group\" is installed"
