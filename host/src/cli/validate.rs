//! stub
use super::args::ValidateArgs;
pub(super) fn run(_args: &ValidateArgs) -> anyhow::Result<()> {
    anyhow::bail!("not yet")
}
