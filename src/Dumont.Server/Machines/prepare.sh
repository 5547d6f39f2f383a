#!/bin/sh
# Runs as root on a machine each time it has booted, next to the files that the server sent. Repeating it changes nothing.
set -eu
umask 077
dir=/opt/dumont
mkdir -p /workspace /var/lib/dumont /root/.ssh
chmod 755 /workspace
chmod 700 "$dir" /var/lib/dumont /root/.ssh

# The instance's host key, so that every machine of the instance looks the same to its user.
if ! cmp -s "$dir/host_key" /etc/ssh/ssh_host_ed25519_key; then
  install -m 600 "$dir/host_key" /etc/ssh/.dumont_host_key
  install -m 644 "$dir/host_key.pub" /etc/ssh/ssh_host_ed25519_key.pub
  mv -f /etc/ssh/.dumont_host_key /etc/ssh/ssh_host_ed25519_key
  reload=1
fi

# The server's own keys, in a block of their own; other lines stay.
keys=/root/.ssh/authorized_keys
touch "$keys"
{
  sed '/^# dumont server begin$/,/^# dumont server end$/d' "$keys"
  echo '# dumont server begin'
  cat "$dir/server_keys"
  echo '# dumont server end'
} > "$keys.new"
chmod 600 "$keys.new"
mv -f "$keys.new" "$keys"

if [ -n "${reload:-}" ]; then
  pid=$(cat /run/sshd.pid /var/run/sshd.pid 2>/dev/null | head -n 1 || true)
  [ -n "$pid" ] || pid=$(pgrep -o -x sshd || true)
  [ -z "$pid" ] || kill -HUP "$pid"
fi

# One agent, restarted when it dies. The old one goes first: its configuration may be stale.
if [ -f /run/dumont-agent.pid ]; then
  kill -- "-$(cat /run/dumont-agent.pid)" 2>/dev/null || true
fi
setsid sh -c '
  echo $$ > /run/dumont-agent.pid
  while :; do
    /opt/dumont/dumont-agent run --config /opt/dumont/agent.json
    sleep 1
  done' < /dev/null >> /var/lib/dumont/agent.log 2>&1 &
