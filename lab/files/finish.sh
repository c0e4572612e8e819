# shellcheck shell=sh disable=SC2154  # root: set by the script that this is appended to
# Appended to both setup scripts: take away what mmdebstrap puts into a tree while it builds it, as the disk is made
# before it does so itself, and what it copied from the building machine.
rm -f "$root/usr/sbin/policy-rc.d" "$root/etc/resolv.conf" "$root"/etc/apt/apt.conf.d/*mmdebstrap
if [ -e "$root/usr/sbin/start-stop-daemon.REAL" ]; then
    mv "$root/usr/sbin/start-stop-daemon.REAL" "$root/usr/sbin/start-stop-daemon"
fi
rm -rf "$root"/var/log/*.log "$root"/var/log/apt "$root"/tmp/* "$root"/run/*
# Without these stamps systemd takes the first boot for one after an upgrade of /usr, and rebuilds its caches.
touch "$root/etc/.updated" "$root/var/.updated"
