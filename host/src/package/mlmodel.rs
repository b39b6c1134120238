//! MLmodel's text, as MLflow reads it. Called by `package.rs` once the other files are there. Texts of the user's are
//! written as JSON strings, which are YAML's double-quoted scalars, so that none can be taken for anything else.

use std::fmt::Write as _;

use super::signature::Texts;

/// Where MLflow keeps a request with the model.
pub(super) const EXAMPLE: &str = "serving_input_example.json";

/// What stands in MLmodel.
#[derive(Default)]
pub(super) struct ModelFile<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) component: Option<&'a str>,
    /// Names and paths.
    pub(super) graphs: Vec<(String, String)>,
    /// Names and paths.
    pub(super) artifacts: Vec<(String, String)>,
    pub(super) accepts: &'a [String],
    pub(super) signature: Option<Texts>,
    /// Whether there is one.
    pub(super) example: bool,
    /// Of all files but this one.
    pub(super) bytes: u64,
}

// === impl ModelFile ===

impl ModelFile<'_> {
    /// The file's text.
    pub(super) fn text(&self) -> String {
        let mut text = String::from("flavors:\n");
        self.mlhost(&mut text);
        self.python(&mut text);
        text.push_str("is_signature_from_type_hint: false\n");
        line(&mut text, 0, "model_size_bytes", &self.bytes.to_string());
        line(&mut text, 0, "model_uuid", &identifier());
        if self.example {
            text.push_str("saved_input_example_info:\n");
            line(&mut text, 1, "artifact_path", EXAMPLE);
            line(&mut text, 1, "serving_input_path", EXAMPLE);
            line(&mut text, 1, "type", "json_object");
        }
        if let Some(Texts { inputs, outputs, params }) = &self.signature {
            text.push_str("signature:\n");
            for (part, json) in [("inputs", inputs), ("outputs", outputs), ("params", params)] {
                let json = json.as_ref().map_or_else(|| "null".to_owned(), |json| single_quoted(json));
                line(&mut text, 1, part, &json);
            }
        }
        text.push_str("type_hint_from_example: false\n");
        let now = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S%.6f");
        line(&mut text, 0, "utc_time_created", &single_quoted(&now.to_string()));
        text
    }

    /// This project's flavor. A graph alone needs none, unless it goes by another name.
    fn mlhost(&self, text: &mut String) {
        let own_name = self.graphs.iter().all(|(name, path)| path.strip_suffix(".onnx") == Some(name));
        if self.component.is_none() && self.name.is_none() && own_name {
            return;
        }
        text.push_str("  mlhost:\n");
        if let Some(name) = self.name {
            line(text, 2, "name", &quoted(name));
        }
        if let Some(component) = self.component {
            line(text, 2, "component", component);
        }
        for (key, entries) in [("graphs", &self.graphs), ("artifacts", &self.artifacts)] {
            if entries.is_empty() {
                continue;
            }
            let _ = writeln!(text, "    {key}:");
            for (name, path) in entries {
                line(text, 3, &quoted(name), &quoted(path));
            }
        }
        if !self.accepts.is_empty() {
            text.push_str("    accepts:\n");
            for media_type in self.accepts {
                let _ = writeln!(text, "    - {}", quoted(media_type));
            }
        }
    }

    /// What MLflow loads: its own onnx flavor where the graph is all there is.
    fn python(&self, text: &mut String) {
        match (self.component, self.graphs.as_slice()) {
            (None, [(_, path)]) => {
                text.push_str("  onnx:\n");
                line(text, 2, "data", &quoted(path));
                text.push_str("    onnx_session_options: null\n    providers:\n    - CPUExecutionProvider\n");
                text.push_str("  python_function:\n");
                line(text, 2, "data", &quoted(path));
                line(text, 2, "loader_module", "mlflow.onnx");
            }
            _ => {
                text.push_str("  python_function:\n");
                line(text, 2, "loader_module", "mlhost.mlflow");
            }
        }
    }
}

fn line(text: &mut String, depth: usize, key: &str, value: &str) {
    // Writing to a String never fails.
    let _ = writeln!(text, "{:indent$}{key}: {value}", "", indent = depth * 2);
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// As MLflow has its JSON texts: in YAML's other quotes, which leave backslashes alone. JSON has no line breaks.
fn single_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// 32 hexadecimal digits, as Python's `uuid4().hex`.
fn identifier() -> String {
    let mut bytes = [0u8; 16];
    // Without a source of randomness the time is what is left; the identifier is for people.
    if getrandom::fill(&mut bytes).is_err() {
        bytes = jiff::Timestamp::now().as_nanosecond().to_le_bytes();
    }
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
