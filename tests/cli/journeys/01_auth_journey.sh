#!/usr/bin/env bash
# Journey 1: log in, use the session, log out, be refused.
# shellcheck source=../utils/setup.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../utils/setup.sh"

step "1. log in"
run dumont auth login "$DUMONT_TEST_EMAIL" "$DUMONT_TEST_PASSWORD"
assert_exit 0 "login succeeds"
assert_contains "Login successful" "login says so"
assert_contains "Token saved" "login says that the token is saved"
assert_file "$HOME/.dumont_token" "the token is in ~/.dumont_token"
output=$(stat -c %a "$HOME/.dumont_token" 2>&1 || true)
assert_matches '^600$' "only its owner can read it"

step "2. who am I"
run dumont auth me
assert_exit 0 "auth me succeeds"
assert_contains "$DUMONT_TEST_EMAIL" "auth me shows the e-mail"
run dumont auth me -o json
assert_contains "\"email\": \"$DUMONT_TEST_EMAIL\"" "auth me is JSON when asked"

step "3. a protected resource"
run dumont setting list
assert_exit 0 "setting list succeeds"
assert_contains "settings" "setting list shows settings"

step "4. log out"
token=$(cat "$HOME/.dumont_token")
run dumont auth logout
assert_exit 0 "logout succeeds"
assert_contains "Logged out" "logout says so"
assert_no_file "$HOME/.dumont_token" "the token is removed"

step "5. without a session"
run dumont auth me
assert_exit 4 "auth me is refused"
assert_matches '401.*Unauthorized' "auth me says 401 Unauthorized"
assert_contains "dumont auth login" "auth me says how to log in"

step "6. the old token is worth nothing"
run dumont auth me --api-key "$token"
assert_exit 4 "the old token is refused"
