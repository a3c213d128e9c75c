#!/usr/bin/env bash
# Slurm from Debian on this machine alone, for tests: controller and node on loopback, no systemd, cgroups or database.
# usage: setup.sh FOLDER          installs it if it is missing, and starts it; then `export SLURM_CONF=FOLDER/slurm.conf`
#        setup.sh FOLDER stop     stops what was started
# Needs root.
set -euo pipefail
folder=$(realpath -m "$1")
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export SLURM_CONF=$folder/slurm.conf

stop() {
    local pid file
    for file in slurmd slurmctld munged; do
        [ -s "$folder/$file.pid" ] || continue
        pid=$(< "$folder/$file.pid")
        kill "$pid" 2> "$folder/log/kill.log" || continue
        for _ in $(seq 100); do
            kill -0 "$pid" 2> "$folder/log/kill.log" || continue 2
            sleep 0.1
        done
        kill -KILL "$pid"
    done
}

if [ "${2:-}" = stop ]; then
    stop
    exit
fi

if ! { command -v slurmctld && command -v slurmd && command -v munged; } > /dev/null; then
    apt-get update --quiet=2
    DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends slurm-wlm munge
fi

host=$(hostname -s)
mkdir -p "$folder"/{state,spool,log}
cat > "$SLURM_CONF" <<END
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket,cred_expire=5
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.log
SlurmctldPort=16817
SlurmdPort=16818
MinJobAge=3600
KillWait=20
SchedulerParameters=sched_interval=2,batch_sched_delay=0
# chime-sweep: 4 is "stopped before the end", 143 is SIGTERM. Both go on where they were.
RequeueExit=4,143
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4
END

# A munged of its own, with its key, socket and log in the folder.
install -d -o munge -g munge -m 755 "$folder/munge"
[ -s "$folder/munge/key" ] || (umask 077 && dd if=/dev/urandom of="$folder/munge/key" bs=128 count=1 2> "$folder/log/dd.log")
chown munge:munge "$folder/munge/key"
trap 'stop; echo "Slurm did not start; see $folder/log" >&2' ERR
runuser -u munge -- munged --socket "$folder/munge/socket" --key-file "$folder/munge/key" --seed-file "$folder/munge/seed" \
    --log-file "$folder/munge/log" --pid-file "$folder/munge/pid"
cp "$folder/munge/pid" "$folder/munged.pid"
slurmctld -f "$SLURM_CONF"
for _ in $(seq 100); do
    scontrol ping > "$folder/log/ping.log" 2>&1 && break
    sleep 0.1
done
slurmd -f "$SLURM_CONF"
for _ in $(seq 200); do
    [ "$(sinfo --noheader --format=%T)" != idle ] || exit 0
    sleep 0.1
done
false
