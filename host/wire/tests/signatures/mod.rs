//! The signatures that made-up bodies are read by. Used by the property tests of each dialect.

use mlhost_wire::dialect::Interface;
use mlhost_wire::signature::Signature;

/// One of each kind of signature; the names are those that generated bodies use.
pub(crate) fn interfaces(raw_media_types: &[&str]) -> Vec<Interface> {
    let signatures = [
        None,
        Some(
            r#"[{"name":"a","type":"double","required":true},{"name":"b","type":"string","required":false}]"#,
        ),
        Some(
            r#"[{"name":"a","type":"long","required":false},{"name":"b","type":"boolean","required":false},
                 {"name":"c","type":"datetime","required":false},{"name":"x","type":"binary","required":false}]"#,
        ),
        Some(r#"[{"type":"integer"},{"type":"float"}]"#),
        Some(r#"[{"name":"a","type":"string"}]"#),
        Some(
            r#"[{"name":"a","type":"array","items":{"type":"long"}},{"name":"b","type":"any","required":false}]"#,
        ),
        Some(r#"[{"type":"tensor","tensor-spec":{"dtype":"float32","shape":[-1,2]}}]"#),
        Some(r#"[{"name":"a","type":"tensor","tensor-spec":{"dtype":"str","shape":[-1]}}]"#),
        Some(
            r#"[{"name":"a","type":"tensor","tensor-spec":{"dtype":"float16","shape":[-1]}},
                 {"name":"b","type":"tensor","tensor-spec":{"dtype":"uint8","shape":[-1,2]}}]"#,
        ),
    ];
    let params = r#"[{"name":"p","type":"long","default":1,"shape":null}]"#;
    let interface = |inputs| {
        let signature = Signature::from_mlmodel(inputs, None, Some(params)).expect("a signature");
        Interface {
            signature,
            raw_media_types: raw_media_types.iter().map(|kind| (*kind).to_owned()).collect(),
        }
    };
    signatures.into_iter().map(interface).collect()
}
