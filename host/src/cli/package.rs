//! stub
use super::args::PackageArgs;
pub(super) fn run(_args: &PackageArgs) -> anyhow::Result<()> {
    anyhow::bail!("not yet")
}
