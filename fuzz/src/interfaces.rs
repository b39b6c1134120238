//! Models to decode for: one of each kind of signature, chosen by an input's first byte. The names of columns and tensors are
//! those that seeds and dictionaries use.

use mlhost_wire::dialect::Interface;
use mlhost_wire::signature::Signature;

/// The `inputs` of one signature of each kind; the first model has none.
const INPUTS: [Option<&str>; 14] = [
    None,
    Some(r#"[{"name":"a","type":"double","required":true},{"name":"b","type":"string","required":false}]"#),
    Some(
        r#"[{"name":"a","type":"long","required":false},{"name":"b","type":"boolean","required":false},
            {"name":"c","type":"datetime","required":false},{"name":"x","type":"binary","required":false}]"#,
    ),
    Some(r#"[{"type":"integer"},{"type":"float"}]"#),
    Some(r#"[{"name":"a","type":"string"}]"#),
    Some(
        r#"[{"name":"a","type":"array","items":{"type":"long"}},{"name":"b","type":"any","required":false}]"#,
    ),
    Some(
        r#"[{"name":"a","type":"object","properties":{"x":{"type":"double","required":true},
            "y":{"type":"array","items":{"type":"string"},"required":false}}},
            {"name":"b","type":"map","values":{"type":"integer"},"required":false}]"#,
    ),
    Some(r#"[{"name":"0","type":"long"},{"name":"1","type":"double"}]"#),
    Some(r#"[{"type":"tensor","tensor-spec":{"dtype":"float32","shape":[-1,2]}}]"#),
    Some(r#"[{"name":"a","type":"tensor","tensor-spec":{"dtype":"str","shape":[-1]}}]"#),
    Some(r#"[{"name":"a","type":"tensor","tensor-spec":{"dtype":"int64","shape":[]}}]"#),
    Some(
        r#"[{"name":"a","type":"tensor","tensor-spec":{"dtype":"float16","shape":[-1]}},
            {"name":"b","type":"tensor","tensor-spec":{"dtype":"uint8","shape":[-1,2]}}]"#,
    ),
    Some(
        r#"[{"name":"a","type":"tensor","tensor-spec":{"dtype":"bool","shape":[-1,-1]}},
            {"name":"b","type":"tensor","tensor-spec":{"dtype":"float64","shape":[2,2]}}]"#,
    ),
    // A seed's first byte is often a letter: `{` leads here.
    Some(r#"[{"name":"a","type":"any"}]"#),
];

const PARAMS: &str = r#"[{"name":"p","type":"long","default":1,"shape":null},
    {"name":"q","type":"double","default":[0.5],"shape":[-1]},{"name":"r","type":"string","default":"s","shape":null},
    {"name":"d","type":"datetime","default":"2021-01-01","shape":null}]"#;

/// The model that `selector` chooses. Every other one takes parameters.
pub(crate) fn interface(selector: u8) -> Interface {
    let inputs = INPUTS[usize::from(selector >> 2) % INPUTS.len()];
    let params = (selector & 2 == 0).then_some(PARAMS);
    let signature = Signature::from_mlmodel(inputs, None, params).expect("a signature of this file");
    Interface { signature, raw_media_types: vec!["image/*".to_owned()] }
}
