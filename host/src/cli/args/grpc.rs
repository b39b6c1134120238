//! Flags for gRPC.

/// gRPC, as far as it is apart from all else.
#[derive(Debug, Default, clap::Args)]
pub(in crate::cli) struct GrpcArgs {
    /// A second port for gRPC, which the first speaks, too; 0 for any. Triton's is 8001, KServe's and MLServer's 8081
    #[arg(long, value_name = "PORT")]
    pub(in crate::cli) grpc_port: Option<u16>,
}
