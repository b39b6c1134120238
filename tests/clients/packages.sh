# The packages of each section of `run.sh`, which sources this: one line a section, versions pinned.
# shellcheck shell=bash disable=SC2034 # used by run.sh
declare -A packages=(
    [azureml]="azureml-inference-server-http==1.5.1 requests==2.34.2"
    [kserve_v1]="kserve==0.21.0"
    [openapi]="schemathesis==4.32.5"
    [sagemaker]="boto3==1.44.8 numpy==2.4.6"
    [seldon]="seldon-core==1.18.2"
    [v2]="tritonclient[http]==2.73.0 kserve==0.21.0"
    [v2_grpc]="tritonclient[grpc]==2.73.0 grpcio-health-checking==1.81.1"
    [v2_grpc_kserve]="kserve==0.21.0"
    [vertex]="google-cloud-aiplatform==2.7.0 requests==2.34.2"
)
