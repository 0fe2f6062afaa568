#!/bin/sh
# Installs what the tests need beside Python, on Debian and its relatives.
set -eu
packages="chromium fonts-noto-cjk rabbitmq-server faketime"
missing=""
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "install ok installed" || missing="$missing $package"
done
if [ -z "$missing" ]; then
    echo "services: $packages are installed"
    exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "services: this is no Debian; install by hand:$missing" >&2
    exit 1
fi
sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo"
echo "services: installing$missing (browser tests, Chinese fonts, broker tests, wrong clocks)"
$sudo apt-get update -qq
# The broker is started by the tests themselves, not by the installation.
printf '#!/bin/sh\nexit 101\n' > /tmp/bpm-policy-rc.d && chmod +x /tmp/bpm-policy-rc.d
[ -e /usr/sbin/policy-rc.d ] || $sudo cp /tmp/bpm-policy-rc.d /usr/sbin/policy-rc.d
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
if [ -e /usr/sbin/policy-rc.d ] && cmp -s /usr/sbin/policy-rc.d /tmp/bpm-policy-rc.d; then $sudo rm /usr/sbin/policy-rc.d; fi
rm -f /tmp/bpm-policy-rc.d
echo "services: done"
