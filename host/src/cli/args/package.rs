//! What `mlhost package` and `mlhost validate` take.

use std::path::PathBuf;

use super::{NamedPath, parse_named_path};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct PackageArgs {
    /// Component with your own code; without it the graph is served as it is, and by MLflow too
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) component: Option<PathBuf>,
    /// ONNX graph, under its file's stem or the name given; can be repeated
    #[arg(long, value_name = "[NAME=]FILE", value_parser = parse_named_path, required_unless_present = "component")]
    pub(in crate::cli) model: Vec<NamedPath>,
    /// File that the component may read as an artifact; can be repeated
    #[arg(long, value_name = "[NAME=]FILE", value_parser = parse_named_path, requires = "component")]
    pub(in crate::cli) artifact: Vec<NamedPath>,
    /// What a request may be: `{"inputs": […], "outputs": […], "params": […]}` as MLflow spells it, or a file of it
    #[arg(long, value_name = "FILE|JSON")]
    pub(in crate::cli) signature: Option<String>,
    /// A request's body, as JSON: tried whenever the model is served; without `--signature` it says what a request may be
    ///
    /// As in `mlflow.models.infer_signature`: `dataframe_split` and `dataframe_records` become columns (whole numbers long,
    /// others double, boolean, string, lists array, objects object, what is mixed any; a column with a missing value is not
    /// required), `inputs` and `instances` tensors whose first axis is free, `params` parameters with these defaults.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) input_example: Option<PathBuf>,
    /// Media type that the component takes as it comes, such as `image/*`; can be repeated
    #[arg(long, value_name = "TYPE", requires = "component")]
    pub(in crate::cli) accept: Vec<String>,
    /// The model's name, in the directory's metadata [default: the directory's own]
    #[arg(long)]
    pub(in crate::cli) name: Option<String>,
    /// Directory to write
    #[arg(short, long, value_name = "DIR")]
    pub(in crate::cli) output: PathBuf,
    /// Replace the directory where it is there already
    #[arg(long)]
    pub(in crate::cli) force: bool,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ValidateArgs {
    /// Model directory, with an MLmodel file in it, or a model URI such as `models:/iris/3`
    #[arg(value_name = "DIR|URI")]
    pub(in crate::cli) directory: PathBuf,
    /// ONNX Runtime library [default: ORT_DYLIB_PATH, beside this binary, or the cache]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) onnxruntime: Option<PathBuf>,
    /// Write JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}
