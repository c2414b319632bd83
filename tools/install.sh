#!/usr/bin/env bash
# Installs what is missing on a Debian 12 machine: the packages of tools/packages.txt, and buf from npm.
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

buf_version=1.75.0

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

# Not worth failing for: without it the test that lints proto/ is skipped and says so.
install_buf() {
  local folder=$cache_folder/buf-$buf_version
  [[ -x $folder/node_modules/.bin/buf ]] && return 0
  if ! type -P npm >/dev/null; then
    complain "no npm: buf cannot be installed, the lint of proto/ will be skipped"
    return 0
  fi
  say "installing buf $buf_version from npm into $folder"
  mkdir -p "$folder"
  quietly "$repository/build/log/npm" npm install --prefix "$folder" --no-audit --no-fund --no-save \
    --loglevel=error --fetch-retries=1 --fetch-retry-mintimeout=1000 "@bufbuild/buf@$buf_version" ||
    complain "buf could not be installed, the lint of proto/ will be skipped"
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
[[ $group == test ]] && install_buf
say "everything for \"$group\" is installed"
