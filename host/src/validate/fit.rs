//! Whether what a signature lets through becomes what a graph takes, where no component stands between them. Called by
//! `validate.rs`; the rules are those of `passthrough`, asked before there are values.

use mlhost_nn::Port;
use mlhost_wire::signature::{ColumnSpec, ColumnType, Schema, TensorSpec};
use mlhost_wire::values::ElementType;

use super::Severity;

type Misfit = (Severity, String);

/// What of `schema` no input of the graph takes, or the other way round.
pub(super) fn misfits(schema: &Schema, inputs: &[Port]) -> Vec<Misfit> {
    match (schema, inputs) {
        (Schema::Columns(columns), [port]) => one_input(columns, port),
        (Schema::Columns(columns), inputs) => an_input_each(columns, inputs),
        (Schema::Tensors(tensors), inputs) => tensors_of(tensors, inputs),
    }
}

/// All columns side by side are the graph's one input.
fn one_input(columns: &[ColumnSpec], port: &Port) -> Vec<Misfit> {
    let mut found = Vec::new();
    let width = columns.len();
    match port.shape.as_slice() {
        // An empty shape takes any.
        [] | [_, None] => {}
        [_] if width == 1 => {}
        [_, Some(takes)] if *takes as usize == width => {}
        [_] => {
            found.push(error(format!("it has {width} columns, the graph's input `{}` takes one", port.name)));
        }
        [_, Some(takes)] => {
            found.push(error(format!(
                "it has {width} columns, the graph's input `{}` takes {takes}",
                port.name
            )));
        }
        axes => found.push(error(format!(
            "it has columns, the graph's input `{}` has {} axes: a table has two",
            port.name,
            axes.len()
        ))),
    }
    found.extend(columns.iter().enumerate().filter_map(|(index, column)| cast(column, index, port)));
    found
}

/// Each column is the graph's input of its name.
fn an_input_each(columns: &[ColumnSpec], inputs: &[Port]) -> Vec<Misfit> {
    let mut found = Vec::new();
    for port in inputs {
        let column =
            columns.iter().enumerate().find(|(_, column)| column.name.as_deref() == Some(&port.name));
        let Some((index, column)) = column else {
            found.push(error(format!("the graph's input `{}` has no column", port.name)));
            continue;
        };
        found.extend(cast(column, index, port));
        if !matches!(port.shape.as_slice(), [] | [_] | [_, None | Some(1)]) {
            found.push(error(format!("the graph's input `{}` is no single column", port.name)));
        }
        if !column.required {
            let message =
                format!("column `{}` is not required, and the graph cannot do without it", port.name);
            found.push((Severity::Warning, message));
        }
    }
    for (index, column) in columns.iter().enumerate() {
        if !inputs.iter().any(|port| column.name.as_deref() == Some(&port.name)) {
            let message =
                format!("no input of the graph is called `{}`: it is not used", name(column, index));
            found.push((Severity::Warning, message));
        }
    }
    found
}

fn tensors_of(tensors: &[TensorSpec], inputs: &[Port]) -> Vec<Misfit> {
    let mut found = Vec::new();
    for tensor in tensors {
        let port = match (&tensor.name, inputs) {
            (None, [port]) => Some(port),
            (None, _) => None,
            (Some(name), _) => inputs.iter().find(|port| port.name == *name),
        };
        let shown = tensor.name.as_deref().unwrap_or("");
        let Some(port) = port else {
            let names: Vec<String> = inputs.iter().map(|port| format!("`{}`", port.name)).collect();
            found.push(error(format!(
                "no input of the graph is called `{shown}`: they are {}",
                names.join(", ")
            )));
            continue;
        };
        if (tensor.element_type == ElementType::Text) != (port.element_type == ElementType::Text) {
            found.push(error(format!(
                "its {} do not become the {} of the graph's input `{}`",
                tensor.element_type, port.element_type, port.name
            )));
        }
        let axes = tensor.shape.iter().zip(&port.shape);
        let differs = axes.into_iter().any(|(a, b)| matches!((a, b), (Some(a), Some(b)) if a != b));
        if !port.shape.is_empty() && (tensor.shape.len() != port.shape.len() || differs) {
            found.push(error(format!(
                "its shape {} is not that of the graph's input `{}`, {}",
                shape(&tensor.shape),
                port.name,
                shape(&port.shape)
            )));
        }
    }
    for port in inputs {
        let unnamed = matches!(tensors, [TensorSpec { name: None, .. }]) && inputs.len() == 1;
        if !unnamed && !tensors.iter().any(|tensor| tensor.name.as_deref() == Some(&port.name)) {
            found.push(error(format!("the graph's input `{}` has no tensor", port.name)));
        }
    }
    found
}

/// Why no value of the column becomes one of the port's.
fn cast(column: &ColumnSpec, index: usize, port: &Port) -> Option<Misfit> {
    let text = port.element_type == ElementType::Text;
    let fits = match &column.column_type {
        ColumnType::Boolean
        | ColumnType::Integer
        | ColumnType::Long
        | ColumnType::Float
        | ColumnType::Double => !text,
        ColumnType::String => text,
        ColumnType::Any => true,
        ColumnType::Binary
        | ColumnType::Datetime
        | ColumnType::Array(_)
        | ColumnType::Object(_)
        | ColumnType::Map(_) => false,
    };
    let message = || {
        let (name, from) = (name(column, index), column.column_type.name());
        format!(
            "column `{name}` ({from}) does not become {} for the graph's input `{}`",
            port.element_type, port.name
        )
    };
    (!fits).then(|| error(message()))
}

fn name(column: &ColumnSpec, index: usize) -> String {
    column.name.clone().unwrap_or_else(|| index.to_string())
}

fn shape(axes: &[Option<u32>]) -> String {
    let axes: Vec<String> =
        axes.iter().map(|axis| axis.map_or("-1".to_owned(), |size| size.to_string())).collect();
    format!("({})", axes.join(", "))
}

fn error(message: String) -> Misfit {
    (Severity::Error, message)
}

#[cfg(test)]
mod tests {
    use mlhost_wire::signature::Signature;

    use super::*;

    fn port(name: &str, element_type: ElementType, shape: &[Option<u32>]) -> Port {
        Port { name: name.into(), element_type, shape: shape.to_vec() }
    }

    fn found(inputs: &str, ports: &[Port]) -> Vec<String> {
        let signature = Signature::from_mlmodel(Some(inputs), None, None).unwrap();
        let misfits = misfits(&signature.inputs.unwrap(), ports);
        misfits.into_iter().map(|(severity, message)| format!("{}: {message}", severity.name())).collect()
    }

    #[test]
    fn columns_are_counted_and_typed() {
        let x = [port("x", ElementType::F32, &[None, Some(2)])];
        let columns = |names: &[(&str, &str)]| {
            let specs: Vec<_> =
                names.iter().map(|(name, kind)| serde_json::json!({"name": name, "type": kind})).collect();
            serde_json::Value::Array(specs).to_string()
        };
        assert!(found(&columns(&[("a", "double"), ("b", "long")]), &x).is_empty());
        assert_eq!(
            found(&columns(&[("a", "double")]), &x),
            ["error: it has 1 columns, the graph's input `x` takes 2"]
        );
        assert_eq!(
            found(&columns(&[("a", "double"), ("b", "string")]), &x),
            ["error: column `b` (str) does not become float32 for the graph's input `x`"]
        );
        let two = [port("a", ElementType::Text, &[None, Some(1)]), port("b", ElementType::S64, &[None])];
        assert!(found(&columns(&[("b", "long"), ("a", "string")]), &two).is_empty());
        assert_eq!(
            found(&columns(&[("a", "string"), ("c", "long")]), &two),
            [
                "error: the graph's input `b` has no column",
                "warning: no input of the graph is called `c`: it is not used"
            ]
        );
    }

    #[test]
    fn tensors_are_compared_by_name_type_and_shape() {
        let tensor = |name: &str, dtype: &str, shape: &str| {
            format!(r#"[{{{name}"type":"tensor","tensor-spec":{{"dtype":"{dtype}","shape":{shape}}}}}]"#)
        };
        let x = [port("x", ElementType::F32, &[None, Some(4)])];
        assert!(found(&tensor("", "float64", "[-1, 4]"), &x).is_empty());
        assert!(found(&tensor(r#""name":"x","#, "float32", "[-1, -1]"), &x).is_empty());
        for (text, expected) in [
            (tensor("", "str", "[-1, 4]"), "do not become"),
            (
                tensor("", "float32", "[-1, 3]"),
                "its shape (-1, 3) is not that of the graph's input `x`, (-1, 4)",
            ),
            (tensor("", "float32", "[4]"), "its shape (4)"),
            (
                tensor(r#""name":"y","#, "float32", "[-1, 4]"),
                "no input of the graph is called `y`: they are `x`",
            ),
        ] {
            let found = found(&text, &x);
            assert!(found[0].contains(expected), "{text}: {found:?}");
        }
    }
}
