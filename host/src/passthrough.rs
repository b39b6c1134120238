//! A graph served as it is: for bundles without a component.
//!
//! Called by [`crate::app::App`]. Does what MLflow's onnx flavor does with a table (one tensor of all columns, or one
//! per input by name) and answers a table with a table, also where a classifier has two outputs and MLflow itself
//! answers 400. Numbers are cast to what the graph takes; nothing else is guessed.

use std::time::Instant;

use mlhost_nn::{ComputeRequest, Graph, Graphs, NnError, Port, Spent};
use mlhost_wire::signature::{Schema, Signature, TensorSpec};
use mlhost_wire::values::{
    Call, Column, ColumnData, ElementType, Input, NamedTensor, Output, Reply, Table, Tensor,
};

mod cast;
mod rows;

/// One graph behind the server.
pub struct Passthrough {
    graph: Graph,
}

/// A call that the graph was not run on, or failed on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PassthroughError {
    /// The input does not become the graph's tensors; the text is for the caller.
    #[error("{0}")]
    Input(String),
    /// The graph's own word.
    #[error(transparent)]
    Graph(#[from] NnError),
}

// === impl Passthrough ===

impl Passthrough {
    /// Serves the only graph of `graphs`.
    ///
    /// # Errors
    ///
    /// [`PassthroughError::Input`] where there is none or several: then a component has to say which.
    pub fn new(graphs: &Graphs) -> Result<Self, PassthroughError> {
        let graph = graphs.sole().ok_or_else(|| {
            let names: Vec<_> = graphs.names().collect();
            PassthroughError::Input(format!(
                "without a component there must be exactly one graph, found {}: {}",
                names.len(),
                names.join(", ")
            ))
        })?;
        Ok(Self { graph: graph.clone() })
    }

    /// What it takes and gives as named tensors, where `declared` is the model's signature. Names of the graph's ports stand for
    /// those that the signature lacks; what is given is the graph's alone to say.
    #[must_use]
    pub fn signature_of_tensors(&self, declared: &Signature) -> Signature {
        let info = self.graph.info();
        let specs = |ports: &[Port]| {
            let spec = |port: &Port| TensorSpec {
                name: Some(port.name.clone()),
                element_type: port.element_type,
                shape: port.shape.clone(),
            };
            Schema::Tensors(ports.iter().map(spec).collect())
        };
        let inputs = match (&declared.inputs, info.inputs.as_slice()) {
            (None, ports) => specs(ports),
            (Some(Schema::Tensors(known)), [port]) if known.len() == 1 => {
                let name = |spec: &TensorSpec| spec.name.clone().unwrap_or_else(|| port.name.clone());
                Schema::Tensors(
                    known.iter().map(|spec| TensorSpec { name: Some(name(spec)), ..spec.clone() }).collect(),
                )
            }
            (Some(declared), _) => declared.clone(),
        };
        let params = declared.params.clone();
        Signature { inputs: Some(inputs), outputs: Some(specs(&info.outputs)), params }
    }

    /// The same call with the graph's own tensors in the place of a table.
    ///
    /// # Errors
    ///
    /// [`PassthroughError::Input`] names the column and row that do not fit.
    pub fn call_of_tensors(&self, call: Call) -> Result<Call, PassthroughError> {
        let Call { input, params } = call;
        let input = match input {
            Input::Table(table) => Input::Tensors(self.table_inputs(&table)?),
            other => other,
        };
        Ok(Call { input, params })
    }

    /// Runs the graph on one call, and adds to `spent` what that took.
    ///
    /// # Errors
    ///
    /// [`PassthroughError::Input`] names the column and row that do not fit.
    pub async fn predict(
        &self,
        call: &Call,
        deadline: Instant,
        spent: &mut Spent,
    ) -> Result<Reply, PassthroughError> {
        let (inputs, rows) = match &call.input {
            Input::Table(table) => (self.table_inputs(table)?, Some(table.rows)),
            Input::Tensors(tensors) => (self.tensor_inputs(tensors)?, None),
            Input::Blob(blob) => {
                // Of the dialect's own making: no model directory without a component takes JSON raw.
                let message = if blob.content_type == "application/json" {
                    "a model without a component takes no chat (`messages`, `prompt` or `input`); send `inputs` or a \
                     table"
                } else {
                    "a model without a component takes no raw bytes; send tensors or a table"
                };
                return Err(PassthroughError::Input(message.to_owned()));
            }
        };
        let request = ComputeRequest { inputs, outputs: Vec::new(), deadline };
        let outputs = self.graph.compute_within(request, spent).await?;
        let output = match rows {
            Some(rows) => rows::table_of(outputs, rows),
            None => Output::Tensors(outputs),
        };
        Ok(Reply { output })
    }

    fn table_inputs(&self, table: &Table) -> Result<Vec<NamedTensor>, PassthroughError> {
        let inputs = &self.graph.info().inputs;
        if let [port] = inputs.as_slice() {
            let columns: Vec<_> = table.columns.iter().collect();
            return Ok(vec![stack(port, &columns, table.rows)?]);
        }
        inputs
            .iter()
            .map(|port| {
                let column =
                    table.columns.iter().find(|column| column.name == port.name).ok_or_else(|| {
                        PassthroughError::Input(format!("the graph's input `{}` has no column", port.name))
                    })?;
                stack(port, &[column], table.rows)
            })
            .collect()
    }

    fn tensor_inputs(&self, tensors: &[NamedTensor]) -> Result<Vec<NamedTensor>, PassthroughError> {
        let inputs = &self.graph.info().inputs;
        tensors
            .iter()
            .map(|tensor| {
                let port = match inputs.as_slice() {
                    [port] if tensor.name.is_empty() => Some(port),
                    _ => inputs.iter().find(|port| port.name == tensor.name),
                };
                // An unknown name is the graph's to report: it knows them all.
                let Some(port) = port else { return Ok(tensor.clone()) };
                let elements =
                    cast::elements(&tensor.tensor.elements, port.element_type).map_err(|index| {
                        PassthroughError::Input(format!(
                            "element {index} of input `{}` cannot be cast from {} to {}",
                            port.name,
                            tensor.tensor.elements.element_type(),
                            port.element_type
                        ))
                    })?;
                let shape = tensor.tensor.shape.clone();
                Ok(NamedTensor { name: port.name.clone(), tensor: Tensor { shape, elements } })
            })
            .collect()
    }
}

/// Columns side by side as one tensor of the port's type: `[rows, columns]`, or `[rows]` where the port has one axis.
fn stack(port: &Port, columns: &[&Column], rows: usize) -> Result<NamedTensor, PassthroughError> {
    let shape = match (port.shape.len(), columns) {
        (1, [_]) => vec![rows],
        _ => vec![rows, columns.len()],
    };
    let shape = shape
        .into_iter()
        .map(|size| {
            u32::try_from(size).map_err(|_| PassthroughError::Input("the table is too long".to_owned()))
        })
        .collect::<Result<_, _>>()?;
    for column in columns {
        refuse_missing(column, port.element_type, rows)?;
    }
    let data: Vec<&ColumnData> = columns.iter().map(|column| &column.data).collect();
    let elements =
        cast::interleave(&data, rows, port.element_type).map_err(|cast::Misfit { column, row }| {
            let column = &columns[column];
            PassthroughError::Input(format!(
                "row {row} of column `{}` ({}) cannot be cast to {} for the graph's input `{}`",
                column.name,
                cast::column_type(&column.data),
                port.element_type,
                port.name
            ))
        })?;
    Ok(NamedTensor { name: port.name.clone(), tensor: Tensor { shape, elements } })
}

/// A missing number is NaN to a graph of floats, and nothing at all to any other.
fn refuse_missing(column: &Column, element_type: ElementType, rows: usize) -> Result<(), PassthroughError> {
    let float =
        matches!(element_type, ElementType::F16 | ElementType::Bf16 | ElementType::F32 | ElementType::F64);
    if float && matches!(column.data, ColumnData::F64(_) | ColumnData::F32(_)) {
        return Ok(());
    }
    match (0..rows).find(|row| !column.is_valid(*row)) {
        Some(row) => {
            Err(PassthroughError::Input(format!("row {row} of column `{}` has no value", column.name)))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
