# Sourced by scripts/test and scripts/quickstart: the checkout's own virtual environment, .venv.
# Sets root, venv and python; `prepare_venv` makes whatever is missing.

root=$(unset CDPATH && cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
python=$venv/bin/python
half_made=$venv/half-made # there while .venv is being changed: what an interrupted run leaves is made anew

say() {
  echo "${0##*/}: $*" >&2
}

# prepare_venv EXTRA: .venv, with this checkout installed in it (editable). EXTRA is '' or '[test]'.
prepare_venv() {
  # One run at a time, where flock is there: the lock is held through file descriptor 9, by pip too.
  exec 9<"$root/pyproject.toml"
  if command -v flock >/dev/null && ! flock -n 9; then
    say "waiting for another run to finish making .venv"
    flock 9 || true # a file system without locks
  fi
  if ! venv_works; then make_venv; fi
  if ! installed_for | cmp -s - "$venv/installed$1"; then install_checkout "$1"; fi
  exec 9<&-
}

venv_works() {
  [ ! -e "$half_made" ] && "$python" -m pip --version >/dev/null 2>&1 && is_recent "$python" &&
    { [ -z "${PYTHON:-}" ] || [ "$(version "$PYTHON")" = "$(version "$python")" ]; }
}

# Debian splits ensurepip off into python3-venv, and without it no environment can be made.
is_recent() {
  "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

version() {
  "$1" -c 'import sys; print(sys.version)' 2>/dev/null
}

make_venv() {
  local base
  base=$(find_python)
  say "making .venv with $base"
  rm -rf -- "$venv"
  mkdir -- "$venv"
  touch -- "$half_made"
  "$base" -m venv "$venv"
}

find_python() {
  local candidate
  if [ -n "${PYTHON:-}" ]; then
    if is_recent "$PYTHON"; then echo "$PYTHON" && return; fi
    say "PYTHON=$PYTHON is not a Python 3.11 or newer with its venv module: set it to one, or unset it"
    return 1
  fi
  while read -r candidate; do
    if is_recent "$candidate"; then echo "$candidate" && return; fi
  done < <(type -aP python3 python3.13 python3.12 python3.11)
  say "found no Python 3.11 or newer with its venv module: install one (Debian: python3 and python3-venv)" \
    "or set PYTHON to its path"
  return 1
}

# What the stamp of an installation holds: it is out of date when pyproject.toml changes or the checkout moves.
installed_for() {
  echo "$root"
  cat -- "$root/pyproject.toml"
}

install_checkout() {
  say "installing optsearch$1 into .venv (the first time takes a minute or two)"
  touch -- "$half_made"
  if ! (cd -- "$root" && "$python" -m pip install --quiet --no-input --disable-pip-version-check -e ".$1"); then
    rm -f -- "$half_made" # pip failed but was not interrupted: what was there still works
    say "the installation failed: see pip's message above"
    exit 1
  fi
  installed_for >"$venv/installed" # whatever the extra, the package itself is there
  installed_for >"$venv/installed$1"
  rm -f -- "$half_made"
}
