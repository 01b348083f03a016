# Not exec: as process 1 this shell reaps the orphans of daemons while it waits.
echo up >&3
exec 3>&-
chroot "$root" /bin/sh -c 'cd "$0" && exec "$@"' "$dir" "$@"
exit $?
