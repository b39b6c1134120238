# The packages of each section of `run.sh`, which sources this: one line a section, versions pinned.
# shellcheck shell=bash disable=SC2034 # used by run.sh
declare -A packages=(
    [v2]="tritonclient[http]==2.73.0 kserve==0.21.0"
    [v2_grpc]="tritonclient[grpc]==2.73.0 grpcio-health-checking==1.81.1"
    [v2_grpc_kserve]="kserve==0.21.0"
)
