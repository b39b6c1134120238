//! Arrow's C interface: tables and values cross it without copies, from and to whoever speaks it.
//!
//! Called by `model` with what Python was given, and by Python for what [`Batch`] and [`Values`] hold. Needs no pyarrow:
//! `__arrow_c_stream__` and `__arrow_c_array__` are all that is asked for.
#![expect(clippy::too_many_arguments, reason = "of the functions that pyo3 writes")]

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, to_ffi};
use arrow_array::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
use arrow_array::{
    Array as _, ArrayRef, RecordBatch, RecordBatchIterator, RecordBatchReader as _, StructArray, make_array,
};
use arrow_data::ArrayData;
use arrow_pyarrow::FromPyArrow as _;
use arrow_schema::ArrowError;
use arrow_select::concat::concat_batches;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

/// One table for Python.
#[pyclass(frozen, module = "mlhost._native")]
pub(crate) struct Batch(pub(crate) RecordBatch);

/// One column's or tensor's values for Python.
#[pyclass(frozen, module = "mlhost._native")]
pub(crate) struct Values(pub(crate) ArrayRef);

/// A schema and what is in it.
type Capsules<'py> = (Bound<'py, PyCapsule>, Bound<'py, PyCapsule>);

/// The table that `value` gives. One that comes in pieces is put together, which copies it.
pub(crate) fn table(value: &Bound<'_, PyAny>) -> PyResult<RecordBatch> {
    if !value.hasattr("__arrow_c_stream__")? {
        if value.hasattr("__arrow_c_array__")? {
            return RecordBatch::from_pyarrow_bound(value);
        }
        let kind = value.get_type().name()?.to_string();
        return Err(PyTypeError::new_err(format!("`{kind}` does not speak Arrow's C interface")));
    }
    let reader = RecordBatchStreamReader::from_pyarrow_bound(value)?;
    let schema = reader.schema();
    let mut batches = reader.collect::<Result<Vec<_>, _>>().map_err(|error| of_arrow(&error))?;
    match (batches.len(), batches.pop()) {
        (_, None) => Ok(RecordBatch::new_empty(schema)),
        (1, Some(only)) => Ok(only),
        (_, Some(last)) => {
            batches.push(last);
            concat_batches(&schema, &batches).map_err(|error| of_arrow(&error))
        }
    }
}

/// The values that `value` gives.
pub(crate) fn values(value: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    Ok(make_array(ArrayData::from_pyarrow_bound(value)?))
}

fn of_arrow(error: &ArrowError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

fn capsules<'py>(py: Python<'py>, array: FFI_ArrowArray, schema: FFI_ArrowSchema) -> PyResult<Capsules<'py>> {
    Ok((
        PyCapsule::new_with_value(py, schema, c"arrow_schema")?,
        PyCapsule::new_with_value(py, array, c"arrow_array")?,
    ))
}

// === impl Batch ===

#[pymethods]
impl Batch {
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = FFI_ArrowSchema::try_from(self.0.schema().as_ref()).map_err(|error| of_arrow(&error))?;
        PyCapsule::new_with_value(py, schema, c"arrow_schema")
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Capsules<'py>> {
        drop(requested_schema); // A wish, which need not be met.
        let (array, _) =
            to_ffi(&StructArray::from(self.0.clone()).to_data()).map_err(|error| of_arrow(&error))?;
        let schema = FFI_ArrowSchema::try_from(self.0.schema().as_ref()).map_err(|error| of_arrow(&error))?;
        capsules(py, array, schema)
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        drop(requested_schema); // A wish, which need not be met.
        let batches = RecordBatchIterator::new([Ok(self.0.clone())], self.0.schema());
        PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(Box::new(batches)), c"arrow_array_stream")
    }

    fn __len__(&self) -> usize {
        self.0.num_rows()
    }
}

// === impl Values ===

#[pymethods]
impl Values {
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Capsules<'py>> {
        drop(requested_schema); // A wish, which need not be met.
        let (array, schema) = to_ffi(&self.0.to_data()).map_err(|error| of_arrow(&error))?;
        capsules(py, array, schema)
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }
}
