//! Lists, structures and maps of Arrow as JSON texts, one a row, as the Arrow project's own encoder spells them.
//!
//! Called for inputs, where models are given such cells as JSON, and for outputs to formats that have no nested cells.

use std::sync::Arc;

use arrow_array::{Array as _, ArrayRef};
use arrow_json::writer::{EncoderOptions, make_encoder};
use arrow_schema::{DataType, Field};
use mlhost_wire::values::Packed;

/// What the innermost lists of a type hold.
pub(crate) fn element(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            Some(element(field.data_type()).unwrap_or_else(|| field.data_type().clone()))
        }
        _ => None,
    }
}

/// One JSON text a row; none where a row has no value.
pub(crate) fn texts(array: &ArrayRef) -> Result<Packed, String> {
    let field = Arc::new(Field::new("", array.data_type().clone(), true));
    let options = EncoderOptions::default().with_explicit_nulls(true);
    let mut encoder = make_encoder(&field, array.as_ref(), &options).map_err(|error| error.to_string())?;
    let mut texts = Packed::with_capacity(array.len(), 0);
    let mut text = Vec::new();
    for row in 0..array.len() {
        text.clear();
        if array.is_valid(row) {
            encoder.encode(row, &mut text);
        }
        if !texts.push(&text) {
            return Err("its values take 4 GiB or more".to_owned());
        }
    }
    Ok(texts)
}
