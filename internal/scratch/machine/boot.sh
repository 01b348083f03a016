# systemd looks after a tree of control groups: this one's own, or two machines
# would tidy up each other's.
step mkdir /mnt/groups
step mount -t cgroup2 cgroup2 /mnt/groups
step mkdir "/mnt/groups/$group"
echo $$ >"/mnt/groups/$group/cgroup.procs" || exit 1

# Nothing of Debian starts but what is named here.
units=$root/usr/lib/systemd/system
[ -d "$units" ] || { echo "machine: this failed: there is no systemd in $lower" >&2; exit 1; }
rm -rf "$root"/etc/systemd/system/*.wants "$root"/etc/systemd/system/*.requires "$units"/*.wants "$units"/*.requires
for unit in systemd-journald.service systemd-tmpfiles-setup.service; do
	step mkdir -p "$root/etc/systemd/system/sysinit.target.wants"
	step ln -s "/usr/lib/systemd/system/$unit" "$root/etc/systemd/system/sysinit.target.wants/"
done
for unit in systemd-journald.socket systemd-journald-dev-log.socket dbus.socket; do
	step mkdir -p "$root/etc/systemd/system/sockets.target.wants"
	step ln -s "/usr/lib/systemd/system/$unit" "$root/etc/systemd/system/sockets.target.wants/"
done
# Started by D-Bus for each session of pam_systemd(8).
step ln -sf /dev/null "$root/etc/systemd/system/systemd-logind.service"
find "$root/usr/lib/systemd/system-generators" -type f ! -name 'postfix-*' -delete
# What says that no service may be started is for folders of files, not for hosts.
rm -f "$root/usr/sbin/policy-rc.d"

step mount -t sysfs -o ro sysfs "$root/sys"
echo "$hostname" >"$root/etc/hostname"
rm -f "$root/etc/machine-id"
tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"

export POSTERN_MACHINE_DIR="$dir"
step cd "$root"
# shellcheck disable=SC2016
exec unshare --cgroup /bin/sh -c '
fail() {
	echo "machine: this failed: $*" >&2
	exit 1
}
mount -t cgroup2 cgroup2 sys/fs/cgroup || fail "mount of the control groups"
# Units with mounts of their own need a root that is one, which chroot(8) does not make.
pivot_root . mnt || fail pivot_root
cd /
umount -l /mnt || fail "umount of the old root"
# As on a host: what is mounted for a unit (credentials) reaches its namespace.
mount --make-rshared / || fail "mount --make-rshared"
dir=$POSTERN_MACHINE_DIR
unset POSTERN_MACHINE_DIR
(
	n=0
	until [ -S /run/systemd/private ]; do
		n=$((n + 1))
		[ $n -lt 1200 ] || fail "systemd did not come up within a minute"
		sleep 0.05
	done
	systemctl is-system-running --wait >/dev/null
	systemctl is-active -q multi-user.target || {
		journalctl -b --no-pager -n 40 >&2
		fail "systemd did not reach multi-user.target"
	}
	echo up >&3
	cd "$dir" && "$@" 3>&-
	echo "exit $?" >&3
) &
exec env -i container=machine PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	/usr/lib/systemd/systemd --unit=multi-user.target --show-status=0 </dev/null >/dev/null 2>&1 3>&-
' machine "$@"
