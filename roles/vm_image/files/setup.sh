#!/usr/bin/env bash
# Makes a machine of Ubuntu or Debian one for machine jobs: user circleci, Docker and Compose at the versions given. Runs as root while the image is built.
set -euo pipefail

# Of Docker's signing key; it is told on Docker's pages on installing. A key that is another one is not trusted.
fingerprint=9DC858229FC7DD38854AE2D88D81803C0EBFCD88
root=${SETUP_ROOT:-} # empty but for tests

fail() {
  echo "setup.sh: $*" >&2
  exit 1
}

for name in DOCKER_VERSION COMPOSE_VERSION; do
  value=${!name:-}
  [[ -n $value ]] || fail "$name is empty; say which version, such as 20.10.24"
  [[ $value =~ ^[0-9]+(\.[0-9]+)+$ ]] || fail "$name is $value; give digits and dots, such as 20.10.24"
done

export DEBIAN_FRONTEND=noninteractive
# shellcheck source=/dev/null
. "$root/etc/os-release"

# The whole name of a version as the repository has it: 20.10.24 is 5:20.10.24~3-0~ubuntu-focal there.
package() {
  local found
  found=$(apt-cache madison "$1" | awk '{print $3}' | grep -E "^([0-9]+:)?${2//./\\.}([-~].*)?$" | head -n 1) || true
  [[ -n $found ]] || fail "Docker's repository has no $1 $2 for $ID $VERSION_CODENAME"
  echo "$1=$found"
}

user() {
  getent passwd circleci >/dev/null || useradd --create-home --shell /bin/bash circleci
  usermod --append --groups docker circleci
  printf 'circleci ALL=(ALL) NOPASSWD:ALL\n' >"$root/etc/sudoers.d/circleci"
  chmod 0440 "$root/etc/sudoers.d/circleci"
}

repository() {
  local key=$root/usr/share/keyrings/docker.asc
  curl --fail --silent --show-error --location --retry 3 --output "$key" "https://download.docker.com/linux/$ID/gpg"
  gpg --show-keys --with-colons "$key" | grep -q "^fpr:*$fingerprint:" || fail "the key of Docker's repository is not the one that Docker tells of"
  printf 'deb [signed-by=%s] https://download.docker.com/linux/%s %s stable\n' "$key" "$ID" "$VERSION_CODENAME" >"$root/etc/apt/sources.list.d/docker.list"
}

apt-get update -q
apt-get install -y -q --no-install-recommends ca-certificates curl gnupg git sudo
repository
apt-get update -q
engine=$(package docker-ce "$DOCKER_VERSION")
client=$(package docker-ce-cli "$DOCKER_VERSION")
compose=$(package docker-compose-plugin "$COMPOSE_VERSION")
apt-get install -y -q --no-install-recommends "$engine" "$client" "$compose" containerd.io
apt-mark hold docker-ce docker-ce-cli docker-compose-plugin
user
# Jobs call it by its old name too.
printf '#!/bin/sh\nexec docker compose "$@"\n' >"$root/usr/local/bin/docker-compose"
chmod 0755 "$root/usr/local/bin/docker-compose"
systemctl enable docker
# What is made of this machine is another one.
apt-get clean
rm -f "$root/var/lib/dbus/machine-id"
: >"$root/etc/machine-id"
