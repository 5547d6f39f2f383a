# shellcheck shell=bash
# Runs commands and judges them. Each assert_* is one check: counted, and printed when it fails (all with DEBUG=1).

passed=0
failed=0
skipped=0
command_line=
output=
exit_code=0

# run COMMAND...: keeps what it prints (both streams) in $output, and $exit_code. Standard input is closed.
run() {
  command_line=$*
  exit_code=0
  output=$("$@" 2>&1 </dev/null) || exit_code=$?
  if [[ -n $DEBUG ]]; then
    printf '    $ %s  → %d\n' "$command_line" "$exit_code"
    printf '%s\n' "$output" | sed 's/^/      /'
  fi
}

pass() {
  passed=$((passed + 1))
  if [[ -n $DEBUG ]]; then printf '    ok    %s\n' "$1"; fi
}

flunk() {
  failed=$((failed + 1))
  printf '  FAIL  %s\n        %s\n' "$1" "$command_line  → exit code $exit_code"
  printf '%s\n' "$output" | tail -n 25 | sed 's/^/        | /'
}

skip() {
  skipped=$((skipped + 1))
  printf '  skip  %s\n' "$1"
}

assert_exit() { # CODE NAME
  if [[ $exit_code -eq $1 ]]; then pass "$2"; else flunk "$2: exit code $1 expected"; fi
}

assert_contains() { # TEXT NAME
  if [[ $output == *"$1"* ]]; then pass "$2"; else flunk "$2: '$1' expected"; fi
}

assert_lacks() { # TEXT NAME
  if [[ $output != *"$1"* ]]; then pass "$2"; else flunk "$2: no '$1' expected"; fi
}

assert_matches() { # REGEX NAME: some line matches
  if grep -Eq -- "$1" <<<"$output"; then pass "$2"; else flunk "$2: a line like /$1/ expected"; fi
}

assert_no_match() { # REGEX NAME: no line matches
  if grep -Eq -- "$1" <<<"$output"; then flunk "$2: no line like /$1/ expected"; else pass "$2"; fi
}

assert_file() { # PATH NAME
  if [[ -s $1 ]]; then pass "$2"; else flunk "$2: file $1 expected"; fi
}

assert_no_file() { # PATH NAME
  if [[ ! -e $1 ]]; then pass "$2"; else flunk "$2: no file $1 expected"; fi
}

# eventually SECONDS REGEX NAME COMMAND...: runs the command until some line matches.
eventually() {
  local deadline=$((SECONDS + $1)) regex=$2 name=$3
  shift 3
  while true; do
    run "$@"
    if [[ $exit_code -eq 0 ]] && grep -Eq -- "$regex" <<<"$output"; then
      pass "$name"
      return
    fi
    if ((SECONDS >= deadline)); then
      flunk "$name: a line like /$regex/ expected in time"
      return
    fi
    sleep 0.5
  done
}
