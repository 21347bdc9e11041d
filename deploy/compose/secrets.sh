#!/bin/sh
# Makes the files that compose.yaml takes secrets from, and leaves those alone that are there.
# A random password for Grafana's admin; empty files for what only you know: fill them in, without a line break
# at the end (printf '%s' "$KEY" > secrets/pagerduty_routing_key).
set -eu
cd "$(dirname "$0")"
mkdir -p -m 0700 secrets
if [ ! -s secrets/grafana_admin_password ]; then
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > secrets/grafana_admin_password
    echo "Grafana: user admin, password in $(pwd)/secrets/grafana_admin_password"
fi
for name in pagerduty_routing_key smtp_password robot_url; do
    [ -e "secrets/$name" ] || : > "secrets/$name"
    [ -s "secrets/$name" ] || echo "empty: $(pwd)/secrets/$name"
done
# The folder keeps others out; in a container the files belong to another user, who must read them.
chmod 0644 secrets/*
