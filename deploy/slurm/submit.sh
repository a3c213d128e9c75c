#!/bin/bash
# usage: submit.sh INPUT TASKS    (at most as many tasks as there are accounts and regions: one is never split)
# Queues an array of workers over a folder that all nodes share, and after them the merge of their reports. Prints both
# jobs' ids. AWS credentials: the profiles that the input names must be in every node's AWS files.
set -euo pipefail
export INPUT=$1 TASKS=$2
workers=$(sbatch --parsable --array="0-$((TASKS - 1))" "$(dirname "$0")/worker.sbatch")
merge=$(sbatch --parsable --dependency="afterany:$workers" --job-name=chime-sweep-merge --output=chime-sweep-%j.log \
    --wrap 'exec chime-sweep merge "$INPUT" "${INPUT%.csv}".shard-*-of-$TASKS.report.csv --overwrite')
echo "$workers $merge"
