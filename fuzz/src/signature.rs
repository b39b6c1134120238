//! Signatures: the three JSON texts of an MLmodel file, apart from each other by a NUL byte. What can be read can be decoded
//! for: an example of an empty request is asked of it.

use mlhost_wire::dialect::mlflow::Mlflow;
use mlhost_wire::dialect::{Dialect as _, Interface, Request};
use mlhost_wire::signature::Signature;

pub(crate) fn signature(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut parts = text.splitn(3, '\0').map(|part| (!part.is_empty()).then_some(part));
    let mut next = || parts.next().flatten();
    match Signature::from_mlmodel(next(), next(), next()) {
        Ok(signature) => {
            let interface = Interface { signature, raw_media_types: Vec::new() };
            for body in
                [r#"{"inputs":[]}"#, r#"{"dataframe_records":[{}]}"#, r#"{"instances":{"a":[1,"x",null]}}"#]
            {
                let request = Request { content_type: Some("application/json"), body: body.as_bytes() };
                if let Ok(decoded) = Mlflow::default().decode(request, &interface) {
                    super::mlflow::check(&decoded.call);
                }
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
