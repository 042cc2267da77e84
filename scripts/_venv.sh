# Sourced by the other scripts: makes .venv when there is none, and installs into it what
# pyproject.toml asks for. Installs again only when pyproject.toml has changed since.

cd "$(dirname "${BASH_SOURCE[0]}")/.."

python_for_venv() {
  local candidate
  for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo "Python 3.11 or newer is needed, and none was found on PATH." >&2
  return 1
}

prepare_venv() {
  local stamp=.venv/installed-pyproject.toml
  if cmp -s pyproject.toml "$stamp"; then
    return
  fi
  echo "Preparing .venv (once; again only when pyproject.toml changes) ..." >&2
  if [ ! -x .venv/bin/python ]; then
    "$(python_for_venv)" -m venv .venv
  fi
  .venv/bin/python -m pip install --quiet --upgrade 'pip>=25.1' >&2  # the first with --group
  .venv/bin/python -m pip install --quiet --group dev --editable '.[all]' >&2
  cp pyproject.toml "$stamp"
}

prepare_venv
