# Process 1 of a machine lays out its files; run.sh or boot.sh goes on from here.
# Arguments: name of its control group, root folder, hostname, list of binds,
# folder to stand in, program and its arguments. Says "up" on descriptor 3.
group=$1 lower=$2 hostname=$3 binds=$4 dir=$5
shift 5
root=/mnt/root # hidden from everybody else, and empty in every Debian

step() {
	"$@" && return
	echo "machine: this failed: $*" >&2
	exit 1
}

# bind MODE FROM TO
bind() {
	if [ -d "$2" ]; then
		step mkdir -p "$root$3"
	else
		step mkdir -p "$root${3%/*}"
		step touch "$root$3"
	fi
	step mount --bind "$2" "$root$3"
	[ "$1" = rw ] || step mount -o remount,bind,ro "$root$3"
}

step mount --make-rprivate /
step mount -t tmpfs -o mode=0755 machine /mnt
step mkdir /mnt/upper /mnt/work "$root"
step mount -t overlay -o "lowerdir=$lower,upperdir=/mnt/upper,workdir=/mnt/work" machine "$root"
step mount -t proc proc "$root/proc"
step mount -t tmpfs -o mode=1777 tmp "$root/tmp"
step mount -t tmpfs -o mode=0755 run "$root/run"
step mount -t tmpfs -o mode=0755,nosuid dev "$root/dev"
for device in null zero full random urandom tty; do
	bind rw "/dev/$device" "/dev/$device"
done
step mkdir "$root/dev/pts" "$root/dev/shm"
step mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$root/dev/pts"
step mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
step ln -s pts/ptmx "$root/dev/ptmx"
step ln -s /proc/self/fd "$root/dev/fd"
step ln -s /proc/self/fd/0 "$root/dev/stdin"
step ln -s /proc/self/fd/1 "$root/dev/stdout"
step ln -s /proc/self/fd/2 "$root/dev/stderr"
while read -r mode from to; do
	[ -z "$mode" ] || bind "$mode" "$from" "$to"
done <<END
$binds
END
step hostname "$hostname"
step ip link set lo up
