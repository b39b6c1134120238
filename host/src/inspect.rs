//! What a component asks for and offers, read from its types, and where its calls start once it was loaded.
//!
//! Called by `cli::inspect`, which loads it; here nothing is compiled or run. What each import gets comes from the sandbox's own allow-list, so that this page and the
//! linker cannot disagree.

use std::fmt;

use mlhost_sandbox::{CodeSource, Provision, Start, provision};
use serde::Serialize;
use wit_component::DecodedWasm;
use wit_parser::{Resolve, World, WorldItem, WorldKey};

use crate::app::App;

/// What makes a component servable.
pub(crate) const PREDICTOR: &str = "mlhost:guest/predictor@0.1.0";

/// A file that is not a component.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// Not WebAssembly at all.
    #[error("the file is not WebAssembly: it does not begin with `\\0asm`")]
    NotWasm,
    /// A module, from which a component can be made.
    #[error("the file is a core module, not a component\nhint: `mlhost build FILE -o model.wasm` encodes it")]
    CoreModule,
    /// A component that does not validate, or something else in a component's clothes.
    #[error("the component cannot be read: {0}")]
    Broken(String),
}

/// A component's outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// The file's size.
    pub bytes: usize,
    /// Whether `mlhost serve` takes it: it is a predictor and imports nothing that mlhost has not.
    pub servable: bool,
    /// What it imports, sorted.
    pub imports: Vec<Import>,
    /// What it exports, sorted.
    pub exports: Vec<Export>,
    /// How it was loaded, where it was.
    #[serde(flatten)]
    pub loaded: Option<Loaded>,
}

/// What loading a component showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Loaded {
    /// `snapshot`, or `load_context` where that runs for every call.
    pub start: &'static str,
    /// Why it runs for every call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// `cache` where nothing was compiled, else `compiled`.
    pub code: &'static str,
}

/// One imported interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Import {
    /// With package and version.
    pub name: String,
    /// The functions that the component uses, sorted.
    pub functions: Vec<String>,
    /// What it gets for it.
    pub given: Given,
}

/// One exported interface or function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Export {
    /// With package and version.
    pub name: String,
    /// Its functions, sorted.
    pub functions: Vec<String>,
}

/// What stands behind an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Given {
    /// The bundle's own graphs and artifacts, and the log.
    Always,
    /// WASI with nothing behind it unless bundle and operator grant more.
    WithoutGrants,
    /// mlhost does not have it: the component is refused.
    NotProvided,
}

/// Reads a component's imports and exports.
///
/// # Errors
///
/// [`InspectError`] says what kind of file it is instead.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, InspectError> {
    // The preamble: magic, then version and layer; layer 0 is a core module.
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 0, 0]) => return Err(InspectError::CoreModule),
        Some([0, b'a', b's', b'm', ..]) => {}
        _ => return Err(InspectError::NotWasm),
    }
    let decoded = wit_component::decode(bytes).map_err(|error| InspectError::Broken(format!("{error:#}")))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        return Err(InspectError::Broken("it is a WIT package without code".to_owned()));
    };
    let world = &resolve.worlds[world];
    let imports = imports(&resolve, world);
    let exports: Vec<Export> = items(&resolve, world.exports.iter())
        .into_iter()
        .map(|(name, functions)| Export { name, functions })
        .collect();
    let predicts = exports.iter().any(|export| export.name == PREDICTOR);
    let servable = predicts && imports.iter().all(|import| import.given != Given::NotProvided);
    Ok(Inspection { bytes: bytes.len(), servable, imports, exports, loaded: None })
}

fn imports(resolve: &Resolve, world: &World) -> Vec<Import> {
    items(resolve, world.imports.iter())
        .into_iter()
        .map(|(name, functions)| {
            let given = match provision(&name) {
                Provision::Always => Given::Always,
                Provision::Wasi => Given::WithoutGrants,
                Provision::Nothing => Given::NotProvided,
            };
            Import { name, functions, given }
        })
        .collect()
}

/// Names and functions, sorted by name.
fn items<'a>(
    resolve: &Resolve,
    items: impl Iterator<Item = (&'a WorldKey, &'a WorldItem)>,
) -> Vec<(String, Vec<String>)> {
    let mut named: Vec<_> = items
        .map(|(key, item)| {
            let mut functions: Vec<String> = match item {
                WorldItem::Interface { id, .. } => {
                    resolve.interfaces[*id].functions.keys().cloned().collect()
                }
                WorldItem::Function(_) | WorldItem::Type { .. } => Vec::new(),
            };
            functions.sort();
            (resolve.name_world_key(key), functions)
        })
        .collect();
    named.sort();
    named
}

// === impl Loaded ===

impl Loaded {
    /// `None` for a model without a sandbox.
    #[must_use]
    pub fn of(app: &App) -> Option<Self> {
        let code = app.code().map(CodeSource::name)?;
        Some(match app.start()? {
            Start::Snapshot => Self { start: "snapshot", reason: None, code },
            Start::LoadContext(reason) => Self { start: "load_context", reason: Some(reason.clone()), code },
        })
    }
}

impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            None => writeln!(f, "start: snapshot of what load-context left behind")?,
            Some(reason) => writeln!(f, "start: load-context for every call: {reason}")?,
        }
        let code = if self.code == CodeSource::Cache.name() { "in the cache" } else { "compiled just now" };
        writeln!(f, "code: {code}")
    }
}

// === impl Inspection ===

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "component, {} bytes; {}",
            self.bytes,
            if self.servable { "servable" } else { "not servable" }
        )?;
        let width = self
            .imports
            .iter()
            .map(|import| import.name.len())
            .chain(self.exports.iter().map(|export| export.name.len()))
            .max()
            .unwrap_or(0);
        writeln!(f, "\nimports")?;
        for import in &self.imports {
            writeln!(f, "  {:width$}  {}", import.name, import.given)?;
            if !import.functions.is_empty() {
                writeln!(f, "  {:width$}    {}", "", import.functions.join(", "))?;
            }
        }
        writeln!(f, "\nexports")?;
        for export in &self.exports {
            writeln!(f, "  {:width$}  {}", export.name, export.functions.join(", "))?;
        }
        if !self.exports.iter().any(|export| export.name == PREDICTOR) {
            writeln!(f, "\nto be served it would have to export {PREDICTOR}")?;
        }
        if let Some(loaded) = &self.loaded {
            write!(f, "\n{loaded}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Always => "given",
            Self::WithoutGrants => "linked with nothing granted",
            Self::NotProvided => "NOT PROVIDED by mlhost",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_told_apart() {
        assert!(matches!(inspect(b"hello, world"), Err(InspectError::NotWasm)));
        assert!(matches!(inspect(b"\0as"), Err(InspectError::NotWasm)));
        assert!(matches!(inspect(b"\0asm\x01\0\0\0"), Err(InspectError::CoreModule)));
        assert!(matches!(inspect(b"\0asm\x0d\0\x01\0\xff\xff"), Err(InspectError::Broken(_))));
    }

    #[test]
    fn an_empty_component_is_read_and_cannot_be_served() {
        let empty = inspect(b"\0asm\x0d\0\x01\0").unwrap();
        assert!(!empty.servable && empty.imports.is_empty());
        assert!(empty.to_string().contains(PREDICTOR));
    }
}
