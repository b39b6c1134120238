//! `mlhost inspect`: what a component imports, exports and would be granted, without running or compiling it.

use anyhow::Context as _;

use super::args::InspectArgs;
use crate::inspect::inspect;

#[expect(clippy::print_stdout, reason = "this command's output")]
pub(super) fn run(args: &InspectArgs) -> anyhow::Result<()> {
    let path = args.component.display();
    let bytes = std::fs::read(&args.component).with_context(|| format!("cannot read `{path}`"))?;
    let inspection = inspect(&bytes).with_context(|| format!("cannot inspect `{path}`"))?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&inspection)?);
    } else {
        print!("{inspection}");
    }
    Ok(())
}
