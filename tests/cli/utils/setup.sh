# shellcheck shell=bash
# Sourced first by every journey: the CLI on the path, a home of its own, the test user registered, and the helpers.
set -euo pipefail

tests=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
export PATH="$tests/../..:$PATH"
# shellcheck source=../config/test_credentials.env
source "$tests/config/test_credentials.env"
# shellcheck source=assertions.sh
source "$tests/utils/assertions.sh"
# shellcheck source=teardown.sh
source "$tests/utils/teardown.sh"

# The caller's own login and keys stay untouched.
unset DUMONT_TOKEN DUMONT_API_KEY DUMONT_API_URL DUMONT_SERVER DUMONT_LANG
export LC_ALL=C.UTF-8 NO_COLOR=1
HOME=$(mktemp -d)
export HOME

created=()
standby_configured=
trap teardown EXIT

# Registers the test user unless it exists, without leaving a login behind.
register_user() {
  dumont auth register "$DUMONT_TEST_EMAIL" "$DUMONT_TEST_PASSWORD" >"$HOME/register.log" 2>&1 ||
    dumont auth login "$DUMONT_TEST_EMAIL" "$DUMONT_TEST_PASSWORD" >>"$HOME/register.log" 2>&1 || {
    cat "$HOME/register.log"
    flunk "the test user $DUMONT_TEST_EMAIL can be registered"
    exit 1
  }
  rm -f "$HOME/.dumont_token" "$HOME/.dumont/session.json"
}

login() {
  dumont auth login "$DUMONT_TEST_EMAIL" "$DUMONT_TEST_PASSWORD" >/dev/null 2>&1
}

# skip_destructive: ends the journey well when nothing may be rented.
skip_destructive() {
  if [[ $DUMONT_SKIP_DESTRUCTIVE == true ]]; then
    skip "$1: DUMONT_SKIP_DESTRUCTIVE is set"
    exit 0
  fi
}

# cheapest_offer CONDITION...: id of the cheapest RTX 4090 below the price that the journeys allow.
cheapest_offer() {
  dumont instance offers gpu_name=rtx4090 max_price=0.50 order_by=price -o name 2>/dev/null </dev/null | head -n 1
}

step() {
  printf '  %s\n' "$1"
}

register_user
