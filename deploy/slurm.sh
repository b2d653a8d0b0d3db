#!/usr/bin/env bash
# kotune on Slurm: starts Ray on all nodes of a job and the search on the first node, and ends both with the job.
#
# Start a search, on the login node, in a checkout that all nodes share (usually your home folder):
#
#   make venv
#   sbatch --nodes 4 --gpus-per-node 1 deploy/slurm.sh tune kobart --storage "$PWD/runs" --study first --slots 1:4 \
#       --train train.csv
#
# Watch, show the status, resume in a new job, export the model, end the job:
#
#   tail -f kotune-JOB.log
#   .venv/bin/python cli.py status first --storage runs
#   sbatch --nodes 4 --gpus-per-node 1 deploy/slurm.sh resume first --storage "$PWD/runs"
#   .venv/bin/python cli.py export first --storage runs --out best
#   scancel --batch --signal TERM JOB         # saves first; scancel alone kills, and `resume` works after it as well
#
# Arguments after the script's name are passed to kotune, with --address added. Two minutes before the time limit, Slurm
# sends SIGTERM and kotune saves the running trials. Put options of sbatch (--partition, --account) before the script.
#
# This Ray refuses requests without your token (~/.ray/auth_token, created by this script, readable by you alone; if the
# nodes do not share your home folder, set RAY_AUTH_TOKEN_PATH to a shared file). It has no dashboard.
#SBATCH --job-name=kotune
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=32G
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --output=kotune-%j.log
set -euo pipefail
cd "$SLURM_SUBMIT_DIR"
. .venv/bin/activate

if [ -z "${RAY_AUTH_TOKEN_PATH:-}${RAY_AUTH_TOKEN:-}" ]; then
    (umask 077 && ray get-auth-token --generate > /dev/null 2>&1)
    chmod 600 ~/.ray/auth_token
fi
export RAY_AUTH_MODE=token

# The folder and the port are specific to the job, because nodes may run other jobs, also of other users.
# Ray makes its folder writable for everyone, so it is inside a folder with mode 700.
private=/tmp/ray-$SLURM_JOB_ID
temp=$private/ray
ip=$(hostname --ip-address | tr ' ' '\n' | grep --invert-match --max-count=1 -e '^127\.' -e ':') || {
    echo "$(hostname) has no address that other nodes can reach: check hostname --ip-address" >&2
    exit 1
}
address=$ip:$((20000 + SLURM_JOB_ID % 10000))
cpus=${SLURM_CPUS_PER_TASK:-$SLURM_CPUS_ON_NODE}

finish() {
    # shellcheck disable=SC2046  # one word per process
    kill $(jobs -p) 2> /dev/null || true
    wait
    rm -rf "$private"
}
trap finish EXIT
rm -rf "$private" && mkdir -m 700 "$private"    # a requeued job has the same id

# Ray detects a lost node within a minute. With its defaults it waits for that node for minutes and schedules nothing else
# meanwhile.
config='{"health_check_timeout_ms": 5000, "grpc_client_keepalive_time_ms": 20000, "grpc_client_keepalive_timeout_ms": 20000}'
ray start --head --block --node-ip-address="$ip" --port="${address##*:}" --temp-dir="$temp" \
    --num-cpus="$cpus" --num-gpus="${SLURM_GPUS_ON_NODE:-0}" --include-dashboard=false --disable-usage-stats \
    --system-config="$config" &
head=$!
until ray health-check --address="$address" 2> /dev/null; do
    kill -0 "$head" || exit 1    # its message is in the log
    sleep 1
done

if [ "$SLURM_NNODES" -gt 1 ]; then
    # Each node uses the GPUs that Slurm assigned; if one fails, the others continue.
    srun --nodes=$((SLURM_NNODES - 1)) --ntasks=$((SLURM_NNODES - 1)) --exclude="$SLURMD_NODENAME" \
        --cpus-per-task="$cpus" --kill-on-bad-exit=0 bash -c '
        trap "rm -rf ${1%/*}" EXIT
        rm -rf "${1%/*}" && mkdir -m 700 "${1%/*}" || exit 1
        ray start --block --address="$0" --temp-dir="$1" --num-cpus="$2" --num-gpus="${SLURM_GPUS_ON_NODE:-0}"' \
        "$address" "$temp" "$cpus" &
fi

# The address instead of `auto`, because another job's Ray may run on this node. Slots are added as nodes join.
python cli.py "$@" --address "$address" &
search=$!
trap 'kill -TERM "$search"' TERM
while true; do    # `wait` returns on a signal, and again when the search has ended
    status=0
    wait "$search" || status=$?
    kill -0 "$search" 2> /dev/null || break
done
exit "$status"
