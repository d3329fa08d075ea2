# Sourced by the scripts of this folder: strict mode, the repository's root as working folder, messages.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Says what is wrong in the grammar `problem (why) suggestion` and ends with status 2.
refuse() {
  echo "$1 ($2) $3" >&2
  exit 2
}

# Shows a command, then runs it: what scrolls by can be copied.
run() {
  if [[ -t 1 ]]; then
    printf '\n\033[1m$ %s\033[0m\n' "$(shown "$@")"
  else
    printf '\n$ %s\n' "$(shown "$@")"
  fi
  "$@"
}

# The command as a person would type it.
shown() {
  local word text=""
  for word in "$@"; do
    [[ $word =~ ^[A-Za-z0-9_./=,:+-]+$ ]] || word="'$word'"
    text+="$word "
  done
  echo "${text% }"
}

num_cores() { nproc; }
