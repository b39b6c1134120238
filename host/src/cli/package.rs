//! `mlhost package`: a model directory from its parts.

use super::args::{NamedPath, PackageArgs};
use super::output;
use crate::package::{Parts, package};

pub(super) fn run(args: &PackageArgs) -> anyhow::Result<()> {
    let named =
        |paths: &[NamedPath]| paths.iter().map(|named| (named.name.clone(), named.path.clone())).collect();
    let parts = Parts {
        component: args.component.clone(),
        graphs: named(&args.model),
        artifacts: named(&args.artifact),
        signature: args.signature.clone(),
        example: args.input_example.clone(),
        accepts: args.accept.clone(),
        name: args.name.clone(),
    };
    let bundle = package(&parts, &args.output, args.force)?;
    output::line(format_args!(
        "{}: model `{}`, {}; `mlhost validate {}` tries it",
        bundle.directory.display(),
        bundle.name,
        if bundle.component.is_some() { "with a component" } else { "served as it is" },
        args.output.display()
    ))
}
