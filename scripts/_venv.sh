# Sourced by the other scripts: makes .venv when there is none, and installs into it what
# pyproject.toml asks for. Installs again only when pyproject.toml has changed since.

cd "$(dirname "${BASH_SOURCE[0]}")/.."

source scripts/_python.sh

prepare_venv() {
  local stamp=.venv/installed-pyproject.toml
  if cmp -s pyproject.toml "$stamp"; then
    return
  fi
  echo "Preparing .venv (once; again only when pyproject.toml changes) ..." >&2
  if [ ! -x .venv/bin/python ]; then
    "$(supported_python)" -m venv .venv
  fi
  .venv/bin/python -m pip install --quiet --upgrade 'pip>=25.1' >&2  # the first with --group
  .venv/bin/python -m pip install --quiet --group dev --editable '.[all]' >&2
  cp pyproject.toml "$stamp"
}

prepare_venv
