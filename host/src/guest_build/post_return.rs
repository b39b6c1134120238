//! Takes a core module's `cabi_post_` functions out of its exports. Called by `encode.rs` before it makes a component.
//!
//! The canonical ABI has the host call them once it has read an answer, for the guest to free it. mlhost drops the whole
//! instance then, so they would free what is about to be gone, with every call.

use wasm_encoder::{ExportSection, Module, RawSection};
use wasmparser::{BinaryReaderError, ExternalKind, Parser, Payload};

/// What such a function's name begins with (component model, canonical ABI, "canonical module exports").
const PREFIX: &str = "cabi_post_";

/// The module without these exports. The functions stay, where something else calls them or not.
///
/// # Errors
///
/// Where `core` is no module.
pub(super) fn without(core: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(core) {
        let payload = payload?;
        if let Payload::ExportSection(exports) = payload {
            let mut kept = ExportSection::new();
            for export in exports {
                let export = export?;
                if !(export.name.starts_with(PREFIX) && export.kind == ExternalKind::Func) {
                    kept.export(export.name, export.kind.into(), export.index);
                }
            }
            module.section(&kept);
        } else if let Some((id, range)) = payload.as_section() {
            module.section(&RawSection { id, data: &core[range] });
        }
    }
    Ok(module.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exports(module: &[u8]) -> Vec<String> {
        let payloads = Parser::new(0).parse_all(module).map(Result::unwrap);
        let sections = payloads.filter_map(|payload| match payload {
            Payload::ExportSection(exports) => Some(exports),
            _ => None,
        });
        sections.flatten().map(|export| export.unwrap().name.to_owned()).collect()
    }

    #[test]
    fn only_functions_that_free_an_answer_are_taken_out() {
        let module = wat::parse_str(
            r#"(module
                (memory (export "memory") 1)
                (global (export "cabi_post_global") i32 (i32.const 0))
                (func $run (export "run"))
                (func (export "cabi_post_run"))
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local.get 0))
                (start $run)
                (data (i32.const 0) "kept")
                (@custom "also" "kept"))"#,
        )
        .unwrap();
        let without = super::without(&module).unwrap();
        assert_eq!(exports(&without), ["memory", "cabi_post_global", "run", "cabi_realloc"]);
        wasmparser::validate(&without).unwrap();
        let name = "cabi_post_run";
        // Its name and the entry's length, kind and index are what is gone.
        assert_eq!(module.len() - without.len(), name.len() + 3);
        assert_eq!(super::without(&without).unwrap(), without);
    }

    #[test]
    fn what_is_no_module_is_an_error() {
        assert!(super::without(b"\0asm\x01\0\0\0\x07\x7f").is_err());
    }
}
